import { defineConfig } from "vitest/config";
import { floorFiles } from "../tools/check/floor.mjs";
import everyday from "../vitest.config.ts";

export default defineConfig({ test: { ...everyday.test, include: [...floorFiles] } });

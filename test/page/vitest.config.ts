import { defineConfig } from "vitest/config";
import everyday from "../../vitest.config.ts";

export default defineConfig({ test: { ...everyday.test, include: ["test/page/**/*.test.ts"], exclude: [] } });

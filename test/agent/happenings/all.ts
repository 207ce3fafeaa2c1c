import { BUILDS } from "./builds.ts";
import { CONTROL_PLANE } from "./control-plane.ts";
import type { AnyKind } from "./kind.ts";
import { MACHINE } from "./machine.ts";
import { PROCESSES } from "./processes.ts";

export const KINDS: Readonly<Record<string, AnyKind>> = { ...BUILDS, ...PROCESSES, ...CONTROL_PLANE, ...MACHINE };

import { EXIT, SandboxFailure } from "../failure.ts";

/** @throws {SandboxFailure} */
export function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new SandboxFailure(
    EXIT.notPermitted,
    "A real builder needs root, for runc and its mounts: run this as root (sudo npm run …).",
  );
}

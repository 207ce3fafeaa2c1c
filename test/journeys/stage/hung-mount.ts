import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";

/**
 * A file system over `directory` that never answers: whoever asks it for anything waits until it is
 * disposed. What was opened below before goes on.
 */
export async function hungMount(directory: string): Promise<AsyncDisposable> {
  const fuse = openSync("/dev/fuse", "r+");
  const options = "fd=3,rootmode=40000,user_id=0,group_id=0,allow_other";
  await succeeds("mount", ["-i", "-t", "fuse", "-o", options, "hung", directory], fuse);
  return {
    async [Symbol.asyncDispose]() {
      // The kernel gives up on it: everybody who waits gets an error.
      closeSync(fuse);
      await succeeds("umount", ["--lazy", directory], fuse);
    },
  };
}

async function succeeds(program: string, args: readonly string[], fd: number): Promise<void> {
  const stdio = program === "mount" ? ["ignore", "inherit", "inherit", fd] : ["ignore", "inherit", "inherit"];
  const child = spawn(program, args, { stdio: stdio as never });
  await once(child, "close");
  if (child.exitCode !== 0) throw new Error(`${program} ${args.join(" ")} failed`);
}

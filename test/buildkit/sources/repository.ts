import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import type { Scope } from "../../../agent/lifecycle/scope.ts";
import { inTree } from "../../../sandbox/stack/tree.ts";

const bytes = (base64: string): Buffer => Buffer.from(base64, "base64");

/**
 * Archives of one file, "from-<kind>", which says "unpacked": as GNU tar and each packer make them.
 */
const GZ = bytes(
  "H4sIAAAAAAACA+3IOwrCUBRF0Vs7ijcB4T4JOp7gJ4X4IZrG0RvSBNIriGs1+3BO/e2y7l7xSTnaNs3U0bKZtc57+nebrFEyvmB4PNu+lPhTw/Xe7s/HwyoAAAAAAAAAAAD4JW8MH50dACgAAA==",
);
const XZ = bytes(
  "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AGBdADMciiJwNjc2tdFHz4Tkf5x3mLFh4OokyP8GTv2yH1uX6Hsw19HSmY2ck6Ldey+qEczH30oyDVxlnDO1Z8ndPPvo0cNaUbAzCb6k5c9VR+FNgMeumN74DZdu6S2uPu7kAAC9ShplD2WArgABfIBQAAAAV6ZexbHEZ/sCAAAAAARZWg==",
);
const BZ2 = bytes(
  "QlpoOTFBWSZTWZvL/B4AAHF7gMqQACBAAneAAEB/C94QBAggAFRCIaZNGjR6hoGZIJKmgMTQAAAfPc2NCCiVCEVQoIPbMgREGLHcs2jlSV8iGNzQsoRJzlBM+Jefde0Tk2nalUrEREA/F3JFOFCQm8v8Hg==",
);
const ZST = bytes(
  "KLUv/WQAJzUCAPICCxGg7QD8vuesA4B/T8BqP2tMCgYHKVMck1Z9JUJpX70XxLv/LcS4I5xhtZcCCSBQtw7zhUd0KP49by3YUlAYFMBwUnK/EjMK",
);

const ARCHIVES = { "a.tar": gunzipSync(GZ), "a.tar.gz": GZ, "a.tar.xz": XZ, "a.tar.bz2": BZ2, "a.tar.zst": ZST };

/** What a build of that repository puts out. */
export const UNPACKED = ["from-bz2", "from-gz", "from-xz", "from-zst"];

/** A bare repository "sources.git" below `dir`, whose build unpacks an archive of each kind. */
export async function makeRepository(dir: string): Promise<void> {
  const work = join(dir, "work");
  await mkdir(work, { recursive: true });
  const lines = ["FROM scratch", "ADD a.tar /plain/", ...Object.keys(ARCHIVES).map((name) => `ADD ${name} /`)];
  await writeFile(join(work, "Dockerfile"), lines.join("\n"));
  for (const [name, archive] of Object.entries(ARCHIVES)) await writeFile(join(work, name), archive);
  const git = (...args: string[]) => promisify(execFile)("git", args, { cwd: work, env: GIT_ENVIRONMENT });
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", ".");
  await git("-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message=archives");
  await git("clone", "--quiet", "--bare", ".", join(dir, "sources.git"));
}

const GIT_ENVIRONMENT = { PATH: process.env["PATH"], HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" };

/**
 * Serves the repositories below `dir` by git's own protocol until the scope ends; `enter` leads to
 * the network that it listens in. Returns the port.
 */
export async function serveRepositories(
  scope: Scope,
  dir: string,
  host: string,
  enter = (command: string, args: readonly string[]) => ({ command, args }),
): Promise<number> {
  const { command, args } = enter(process.execPath, [inTree("test/buildkit/sources/git-server.mjs"), dir, host]);
  const server = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(server, "close");
  scope.defer(async () => {
    server.stdin.end();
    await ended;
  });
  const [said] = (await once(server.stdout, "data")) as [Buffer];
  return Number(said.toString());
}

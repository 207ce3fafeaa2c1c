import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { PROPOSAL_MAX_BYTES, readProposal } from "../../agent/adapters/buildkit/proposal.ts";

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "proposal-"));
  file = join(dir, "buildkitd.toml");
});
afterEach(async () => rm(dir, { recursive: true }));

it("is its text, and nothing where there is none", async () => {
  expect(await readProposal(file)).toBeUndefined();
  await writeFile(file, 'root = "/cache"\n');
  expect(await readProposal(file)).toBe('root = "/cache"\n');
});

it.each([
  { what: "a link", make: () => symlink("/etc/shadow", file), says: "without following a link" },
  { what: "a directory", make: () => mkdir(file), says: "no regular file" },
  {
    what: "a pipe that nobody writes to",
    make: async () => void execFileSync("mkfifo", [file]),
    says: "no regular file",
  },
  {
    what: "more than a configuration can be",
    make: () => writeFile(file, "#".repeat(PROPOSAL_MAX_BYTES + 1)),
    says: "larger",
  },
])("is refused if it is $what", async ({ make, says }) => {
  await make();
  await expect(readProposal(file)).rejects.toMatchObject({
    code: "buildkit.config-refused",
    retryable: false,
    message: expect.stringContaining(says) as string,
  });
});

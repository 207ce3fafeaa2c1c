import { mkdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ownFiles } from "../../agent/adapters/bundle/collectors/own-files.ts";
import { unitCollectors } from "../../agent/adapters/bundle/collectors/units.ts";
import { gather } from "../../agent/adapters/bundle/gather.ts";
import { programOutput } from "../../agent/adapters/bundle/program-output.ts";
import { readHead } from "../../agent/adapters/bundle/read-file.ts";
import { folderOfOwn } from "./unpacked.ts";

const NOT_THERE = { code: "bundle.not-there" };
const never = new AbortController().signal;

async function all(output: AsyncIterable<Buffer>): Promise<string> {
  let text = "";
  for await (const bytes of output) text += bytes.toString("utf8");
  return text;
}

it("files are listed with kind, mode, owner and size, links as links, and the cache not entered", async () => {
  await using folder = await folderOfOwn();
  await mkdir(join(folder.path, "cache", "deep"), { recursive: true, mode: 0o700 });
  await writeFile(join(folder.path, "token"), "12345", { mode: 0o600 });
  await symlink("/etc/shadow", join(folder.path, "link"));
  const { collect } = ownFiles([folder.path, "/nowhere"], [join(folder.path, "cache")]);
  const lines = ((await collect(never)) as string).replaceAll(folder.path, "DIR").trim().split("\n");
  const time = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;
  expect(lines).toEqual([
    expect.stringMatching(new RegExp(String.raw`^d0700 \d+:\d+ \d+ ${time} DIR$`)),
    "? is not there: /nowhere",
    expect.stringMatching(new RegExp(String.raw`^d0700 \d+:\d+ \d+ ${time} DIR/cache$`)),
    expect.stringMatching(new RegExp(String.raw`^l0777 \d+:\d+ \d+ ${time} DIR/link$`)),
    expect.stringMatching(new RegExp(String.raw`^-0600 \d+:\d+ 5 ${time} DIR/token$`)),
  ]);
});

it("what control groups say is told for ours and those below", async () => {
  await using root = await folderOfOwn();
  await mkdir(join(root.path, "builds.slice", "buildkitd.service"), { recursive: true });
  await writeFile(join(root.path, "builds.slice", "memory.current"), "4096\n");
  await writeFile(join(root.path, "builds.slice", "buildkitd.service", "memory.events"), "oom 0\noom_kill 3\n");
  const groups = unitCollectors(root.path).find(({ path }) => path === "units/cgroups.txt");
  if (groups?.kind !== "document") throw new Error("They are no document");
  expect((await gather(groups, never)).bytes.toString()).toBe(
    [
      "# agent.slice: there is none",
      "# builds.slice",
      "memory.current: 4096",
      "# builds.slice/buildkitd.service",
      "memory.events: oom 0; oom_kill 3",
      "",
    ].join("\n"),
  );
});

it("a link, a socket and a folder are not read, and what is missing is told apart", async () => {
  await using folder = await folderOfOwn();
  const [link, socket] = [join(folder.path, "link"), join(folder.path, "socket")];
  await symlink("/etc/hostname", link);
  const server = createServer().listen(socket);
  try {
    for (const path of [link, socket, folder.path]) await expect(readHead(path, 10)).rejects.toThrow("was not read");
    await expect(readHead(join(folder.path, "none"), 10)).rejects.toMatchObject(NOT_THERE);
  } finally {
    server.close();
  }
});

it("a program that is not there, says no, or never ends, is told as what it is", async () => {
  await expect(all(programOutput("no-such-program-at-all", [], never))).rejects.toMatchObject(NOT_THERE);
  await expect(all(programOutput("sh", ["-c", "echo no >&2; exit 3"], never))).rejects.toThrow("sh ended with 3: no");
  await expect(all(programOutput("sh", ["-c", "echo no >&2; exit 3"], never, /^no$/))).rejects.toMatchObject(NOT_THERE);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  await expect(all(programOutput("sleep", ["60"], stop.signal))).rejects.toThrow("Premature close");
});

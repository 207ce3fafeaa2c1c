import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { shellLine } from "../../sandbox/stack/client-lines.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import { needsStage, toolPath, whyNoStage } from "../journeys/stage/whether.ts";
import { paste } from "./pasted.ts";
import { eventually, RealSandbox, sandbox } from "./real-sandbox.ts";

needsStage();

let up: RealSandbox;
beforeAll(async () => {
  if (whyNoStage() !== undefined) return;
  up = await RealSandbox.start("a 'quoted' folder", "--ci");
  await up.ready();
}, 60_000);
afterAll(() => up?.[Symbol.asyncDispose]());

const COMMAND = /^(npm |eval |buildctl |docker )/;

/** Those that the terminal of `up` shows. */
async function printedByUp(): Promise<readonly string[]> {
  const said = await eventually("what up says", () => {
    const text = up.heard();
    return text.includes("Ctrl-C ends everything.") ? text : undefined;
  });
  return said.split("\n").filter((line) => COMMAND.test(line));
}

/** The README's, for its own sandbox. */
async function printedByReadme(): Promise<readonly string[]> {
  const readme = await readFile(inTree("README.md"), "utf8");
  const [, section = ""] = /\n## A sandbox to point a client at\n([^]*?)\n## /.exec(readme) ?? [];
  const block = section.split("\n").flatMap((line) => (line.startsWith("    ") ? [line.slice(4)] : []));
  return block.filter((line) => COMMAND.test(line) && !line.includes("sandbox -- up "));
}

it.each(["bash", "sh"])("what up prints works in %s, line by line, in its order", async (shell) => {
  const lines = await printedByUp();
  expect(lines.length).toBeGreaterThan(4);
  const { exitCode, stdout, stderr } = await paste(shell, lines.join("\n"));
  expect(stderr).toContain("COPY hello.txt /");
  expect(stderr).not.toMatch(/error|not found/i);
  expect(stdout).toMatch(/^Build b-\w+ is ended: .*$/m);
  expect(exitCode).toBe(0);
});

it("what the README says of a sandbox works as it stands, in the sandbox's own directory", async () => {
  const lines = (await printedByReadme()).filter((line) => !line.startsWith("docker "));
  expect(lines.length).toBeGreaterThan(3);
  const here = shellLine([up.dir]);
  const { exitCode, stdout, stderr } = await paste(
    "bash",
    lines.join("\n").replaceAll("/tmp/builder", () => here),
  );
  expect(stderr).not.toMatch(/error|not found/i);
  expect(stdout).toMatch(/^Build b-\w+ is ended: .*$/m);
  expect(exitCode).toBe(0);
});

it("a shell's key lies in memory for its owner alone, and goes with its build", async () => {
  const open = (await sandbox("build", "open", "--dir", up.dir, "--shell")).stdout;
  const look = `${open}\nstat -c %a "$BUILDER_TLS_DIR" "$BUILDER_TLS_DIR"/key.pem; echo "$BUILDER_TLS_DIR $BUILDER_BUILD_ID"`;
  const [folderMode, keyMode, told = ""] = (await paste("sh", look)).stdout.split("\n");
  expect([folderMode, keyMode]).toEqual(["700", "600"]);
  const [tlsDir = "", buildId = ""] = told.split(" ");
  expect(tlsDir).not.toContain(up.dir);
  expect((await sandbox("build", "end", "--dir", up.dir, buildId)).exitCode).toBe(0);
  expect(existsSync(tlsDir)).toBe(false);
  expect(existsSync(join(up.dir, "builds", buildId))).toBe(false);
  const after = await paste("sh", `${open}\nbuildctl debug workers`);
  expect(after.exitCode).not.toBe(0);
});

it("a shell's key goes when its build expires, though nobody ends it", async () => {
  const open = (await sandbox("build", "open", "--dir", up.dir, "--shell", "--ttl", "2s")).stdout;
  const [, buildId = ""] = /BUILDER_BUILD_ID='([^']*)'/.exec(open) ?? [];
  const [, tlsDir = ""] = /BUILDER_TLS_DIR='([^']*)'/.exec(open) ?? [];
  await eventually("the key to go", () => !existsSync(tlsDir) || undefined);
  expect((await sandbox("build", "end", "--dir", up.dir, buildId)).exitCode).toBe(0);
});

it("a command gets a build of its own, its input and its exit code, and leaves no build open", async () => {
  const exec = (...command: readonly string[]) => sandbox("exec", "--dir", up.dir, "--", ...command);
  const workers = await exec("buildctl", "debug", "workers");
  expect(workers.stdout).toContain("linux/amd64");
  const script = 'buildctl debug workers >/dev/null && read line && echo "heard $line" && exit 7';
  const shell = execa(
    process.execPath,
    [inTree("dist/sandbox/main.js"), "exec", "--dir", up.dir, "--", "sh", "-c", script],
    {
      input: "a word\n",
      reject: false,
    },
  );
  expect(await shell).toMatchObject({ exitCode: 7, stdout: "heard a word" });
  const wrong = await exec("no-such-program");
  expect(wrong).toMatchObject({
    exitCode: 66,
    stderr: "sandbox: Cannot run no-such-program: no such program is on PATH.",
  });
  expect(await openBuilds()).toEqual([]);
});

it("docker buildx finds the build as its builder", async () => {
  const dir = await mkdtemp(join(tmpdir(), "exec-test-"));
  await writeFile(join(dir, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n");
  const built = await sandbox(
    "exec",
    "--dir",
    up.dir,
    "--",
    toolPath("buildx") ?? "",
    "build",
    "--output",
    `type=local,dest=${dir}/out`,
    dir,
  );
  expect(built).toMatchObject({ exitCode: 0 });
  expect(existsSync(join(dir, "out/Dockerfile"))).toBe(true);
  await rm(dir, { recursive: true });
});

it("a command may use a build that is open, which stays open", async () => {
  const { buildId } = await up.open();
  const exec = (id: string) => sandbox("exec", "--dir", up.dir, "--build", id, "--", "buildctl", "debug", "workers");
  expect((await exec(buildId)).stdout).toContain("linux/amd64");
  expect(await openBuilds()).toEqual([buildId]);
  await sandbox("build", "end", "--dir", up.dir, buildId);
  expect(await exec(buildId)).toMatchObject({ exitCode: 69, stderr: expect.stringContaining("is not open") as string });
});

it.each([
  { signal: "SIGTERM", code: 143 },
  { signal: "SIGINT", code: 130 },
  { signal: "SIGKILL", code: undefined },
] as const)("$signal ends the build of a command that is under way", async ({ signal, code }) => {
  const mark = join(up.dir, `here-${signal}`);
  const running = sandbox("exec", "--dir", up.dir, "--", "sh", "-c", `echo $$ > "$0"; exec sleep 50`, mark);
  const pid = await eventually(
    "the command",
    async () => Number(await readFile(mark, "utf8").catch(() => "")) || undefined,
  );
  expect(await openBuilds()).toHaveLength(1);
  running.kill(signal);
  await eventually("its build to end", async () => ((await openBuilds()).length === 0 ? true : undefined));
  // What is killed leaves its command to whoever killed it.
  if (signal === "SIGKILL") process.kill(pid);
  expect((await running).exitCode).toBe(code);
  await rm(mark);
});

it("says what is the matter with a sandbox that is not up, and opens nothing", async () => {
  const nowhere = join(up.dir, "nowhere");
  const { exitCode, stderr } = await sandbox("exec", "--dir", nowhere, "--", "true");
  expect(stderr).toBe(
    `sandbox: No sandbox answers in ${nowhere}: start one with "npm run sandbox -- up --listen 127.0.0.1:8443 --dir ${nowhere}".`,
  );
  expect(exitCode).toBe(69);
});

async function openBuilds(): Promise<readonly string[]> {
  const { stdout } = await sandbox("build", "list", "--dir", up.dir, "--json");
  return (JSON.parse(stdout) as readonly { readonly buildId: string }[]).map(({ buildId }) => buildId);
}

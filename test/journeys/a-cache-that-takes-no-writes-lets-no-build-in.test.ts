import { mkdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sh } from "../volume/disk-image.ts";
import { whyNoLoop } from "../volume/loop-device.ts";
import { type FilesystemOptions, mountFilesystem } from "../volume/mounted-filesystem.ts";
import { eventually } from "./stage/eventually.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

/** From a cause to its name on every view. */
const TOLD_MS = 10_000;

needsStage();
let why: string | undefined;
beforeAll(async () => {
  why = await whyNoLoop();
});
beforeEach(({ skip }) => {
  if (why !== undefined) skip(why);
});

function stageOn(filesystem: FilesystemOptions): Promise<Stage> {
  return Stage.up({
    prepareDisks: async (workDir, _vm, scope) =>
      void (await mountFilesystem(join(workDir, "cache"), filesystem, scope)),
  });
}

interface Readyz {
  readonly reasons: readonly string[];
}

async function reasons(stage: Stage): Promise<readonly string[]> {
  const { body } = await stage.health("/readyz?format=json");
  return (JSON.parse(body) as Readyz).reasons; // our own server's
}

/** Resolves when that check alone is the reason for not being ready. */
function onlyReason(stage: Stage, check: string): Promise<string> {
  return eventually(
    `${check} is the one reason`,
    async () => {
      const [first, ...more] = await reasons(stage);
      return first?.startsWith(`${check}: `) === true && more.length === 0 && first;
    },
    TOLD_MS,
  );
}

async function ready(stage: Stage): Promise<void> {
  await eventually("it is ready again", async () => (await stage.health("/readyz")).status === 200);
}

it("what lies over the cache is named once, a new build is refused by it, and the next one passes when it is gone", {
  timeout: 120_000,
}, async () => {
  await using stage = await stageOn({ kind: "xfs", sizeMib: 2_048 });
  const cache = join(stage.workDir, "cache");
  sh("mount", ["-t", "tmpfs", "somebody", cache]);
  expect(await onlyReason(stage, "cache-filesystem")).toMatch(
    /^cache-filesystem: somebody \(tmpfs\) lies over the cache/,
  );
  const build = await stage.openUnasked();
  await eventually("the control plane is told why the build is refused", () =>
    stage.machine.observed?.refusedBuilds.some(
      ({ buildId, condition }) => buildId === build.buildId && condition === "cache-filesystem",
    ),
  );
  expect((await stage.askWorkers(build)).exitCode).not.toBe(0);
  sh("umount", [cache]);
  await ready(stage);
  const { client } = await stage.build(await stage.openBuild(), ["FROM scratch", "COPY busybox /b"]);
  await using running = client;
  await running.succeeds();
});

it("an ext4 that went read-only by itself is named once, with what the kernel counts and what to do", {
  timeout: 120_000,
}, async () => {
  let device = "";
  await using stage = await Stage.up({
    prepareDisks: async (workDir, _vm, scope) => {
      const options = { kind: "ext4", sizeMib: 2_048, mountOptions: "errors=remount-ro" } as const;
      device = await mountFilesystem(join(workDir, "cache"), options, scope);
    },
  });
  await writeFile(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, "a test of the agent");
  const reason = await onlyReason(stage, "cache-filesystem");
  expect(reason).toMatch(/^cache-filesystem: Read-only/);
  // What is refused meanwhile is counted, too.
  expect(reason).toMatch(/the kernel counts \d+ errors? of it, the last E\w+ in \w+$/);
  const { said } = await stage.ask("doctor");
  expect(said).toMatch(/builder-agent\s+drain,\s+then\s+reboot/);
});

describe("a cache that has no inodes left", () => {
  it("is named by the disk's check with its numbers and what is done about it, and is ready when there are some", {
    timeout: 120_000,
  }, async () => {
    await using stage = await stageOn({ kind: "ext4", sizeMib: 2_048, make: ["-N", "4096"] });
    const hoard = join(stage.workDir, "cache", "hoard");
    await mkdir(hoard);
    for (let at = 0; ; at += 1) {
      const failure = await writeFile(join(hoard, String(at)), "").catch((err: unknown) => err);
      if (failure !== undefined) break;
    }
    const reason = await onlyReason(stage, "disk");
    expect(reason).toMatch(/^disk: \d{1,2} of 4096 inodes free, one for each file: builds are refused below 204/);
    expect((await stage.health("/metrics")).body).toMatch(/^builder_agent_cache_free_inodes \d{1,2}$/m);
    await rm(hoard, { recursive: true });
    await ready(stage);
  });
});

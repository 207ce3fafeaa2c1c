import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inTree } from "../../sandbox/stack/tree.ts";
import { serving } from "../health/serving.ts";
import { TROUBLED } from "../health/states.ts";
import { DeskRig } from "./operators-desk.ts";
import { Screen } from "./screen.ts";

const AGENT = `${process.execPath} ${inTree("dist/agent/cli/main.js")}`;
const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 60, rows: 24 },
];
const BECAUSE = "Cannot be opened: the device's label belongs to another organisation, and nothing was touched on it";

/** Each is on one line of the screen, as a whole. */
async function expectWhole(screen: Screen, text: string): Promise<void> {
  const words = new Set((await screen.text()).split(/\s+/));
  expect(text.split(" ").filter((word) => !words.has(word))).toEqual([]);
}

/** Ctrl-C leaves a shell that one can type in, below what was shown, on a terminal as it was. */
async function expectSane(screen: Screen): Promise<void> {
  await screen.shows(/code: \d+\s+[$#]\s*$/);
  await screen.type("stty -a | grep -oE '[-]?(icanon|echo|isig)\\b' | tr '\\n' ' '; echo");
  await screen.shows(/^isig icanon echo\s*$/m);
  expect(await screen.known("#{cursor_flag} #{alternate_on} #{wrap_flag}")).toBe("1 0 1");
}

describe.each(SIZES)("on a terminal of $columns by $rows", ({ columns, rows }) => {
  it("status --watch stays in its place, breaks between words, and tells when there is more", async () => {
    await using rig = await DeskRig.make();
    await using health = await serving({
      ...TROUBLED,
      checks: TROUBLED.checks.map((check, at) => ({ ...check, message: at === 3 ? BECAUSE : check.message })),
      head: { ...TROUBLED.head, machineId: `m-${"0123456789".repeat(9)}` },
    });
    await using screen = await Screen.open(join(rig.runtimeDir, "tmux"), columns, rows);
    const listen = new URL(health.url).host;
    await screen.type(`${AGENT} status --watch --interval 200ms --health-listen ${listen}; echo "code: $?"`);
    await screen.shows(/^not ready$/m);
    await screen.shows(/more than this terminal shows/);
    const scrolled = await screen.known("#{history_size}");
    const first = (await screen.text()).split("\n")[0] ?? "";
    expect(first).toMatch(/Ctrl-C ends it$/);
    // Each answer lies on the one before: nothing has scrolled away.
    await screen.shows(new RegExp(`^(?!${first}).*every 0\\.2 s, Ctrl-C ends it`));
    expect(await screen.known("#{history_size}")).toBe(scrolled);
    await screen.key("C-c");
    await expectSane(screen);
  });

  it("drain --watch says in whole words what it waits for, over and over in one place", async () => {
    await using rig = await DeskRig.make();
    const named = ["b-1", "b-2", "b-3", "b-4", "b-5"].map((buildId) => ({ buildId, sessions: 2 }));
    const open = { sessions: 10, builds: 7, named };
    let leftMs = 580_000;
    const progress = () => ({ at: "draining", reason: "kernel update", leftMs, open }) as const;
    await rig.open({
      drain: progress,
      watchEnding: async (tell, signal) => {
        for (; !signal.aborted; leftMs -= 1_000) {
          tell(progress());
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        return { ended: "drained", reason: "x", undone: [] };
      },
    });
    await using screen = await Screen.open(join(rig.runtimeDir, "tmux"), columns, rows);
    await screen.type(`${AGENT} drain --watch --paths-runtime-dir ${rig.runtimeDir}; echo "code: $?"`);
    await screen.shows(/9 min 3\d s/);
    await expectWhole(screen, "b-5 (2 sessions), 2 more; cut in at the latest");
    expect((await screen.text()).match(/waiting for 7/g)).toHaveLength(1);
    await screen.key("C-c");
    await screen.shows(/Not watched any more; the drain goes on/);
    await expectSane(screen);
  });

  it("logs --follow breaks a line between words", async () => {
    await using rig = await DeskRig.make();
    const file = join(rig.runtimeDir, "log");
    const line = { time: "2026-01-02T03:04:05.000Z", level: "error", process: "control", event: "cache.not-open" };
    await writeFile(file, "");
    await using screen = await Screen.open(join(rig.runtimeDir, "tmux"), columns, rows);
    await screen.type(`${AGENT} logs --follow --file ${file}; echo "code: $?"`);
    await appendFile(file, `${JSON.stringify({ ...line, err: { message: BECAUSE } })}\n`);
    await screen.shows(/cache\.not-open/);
    await expectWhole(screen, BECAUSE);
    await screen.key("C-c");
    await expectSane(screen);
  });
});

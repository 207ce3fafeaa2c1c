import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node-pty";
import { describe, expect, it } from "vitest";
import { recordingFiles } from "../../agent/adapters/terminal/recording-files.ts";
import { Asciicast } from "../../agent/core/debug/asciicast.ts";
import { DebugStage, needsRoot } from "./stage.ts";

const HEADER = `${JSON.stringify({ version: 2, width: 80, height: 24, timestamp: 1 })}\n`;

/** What Debian's player shows of it. @throws when it cannot play it. */
async function played(text: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "cast-"));
  try {
    const file = join(dir, "a.cast");
    await writeFile(file, text);
    // It insists on a terminal.
    const pty = spawn("sh", ["-c", 'exec asciinema cat "$0" >"$0.out"', file], { env: { ...process.env } });
    let said = "";
    pty.onData((data) => (said += data));
    const { exitCode } = await new Promise<{ exitCode: number }>((resolve) => pty.onExit(resolve));
    if (exitCode !== 0) throw new Error(`asciinema ended with ${exitCode}: ${said}`);
    return await readFile(`${file}.out`, "utf8");
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function inFolder(act: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "recordings-"));
  try {
    await act(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

describe.skipIf(needsRoot)("the recording of a terminal", () => {
  it("comes while it is being made, plays at any moment, and shows what the person saw", async () => {
    await using stage = await DebugStage.set();
    const show = 'for n in 1 2 3; do printf "ünicode 🚀 %s\\n" $n; read -r _; done; exit 4';
    const ada = await stage.open({ command: ["/bin/bash", "-c", show] });
    const stored = (): string => stage.plane.debug.recordings.all()[0]?.text ?? "";
    for (const n of [1, 2, 3]) {
      await ada.sees(new RegExp(`🚀 ${n}`));
      await stage.plane.until(() => stored().includes(`🚀 ${n}`), { what: "it to be recorded" });
      expect(stage.plane.debug.recordings.all()[0]?.isComplete).toBe(false);
      expect(await played(stored())).toContain(`ünicode 🚀 ${n}`);
      await ada.type("next\n");
    }
    expect(await ada.ended).toMatchObject({ exitCode: 4 });
    await stage.plane.until(() => stage.plane.debug.recordings.all()[0]?.isComplete, { what: "its end" });
    expect(await played(stored())).toBe(ada.text);
    expect(stored().trimEnd().split("\n").at(-1)).toMatch(/^\[\d+(\.\d+)?,"x","4"\]$/);
    expect(stage.log.events().filter((event) => event.startsWith("recording."))).toEqual(["recording.stored"]);
    // It is with the control plane: nothing of it stays here.
    await expect.poll(() => readdir(stage.recordingsDir)).toEqual([]);
  });

  it("has the person's window, and none of the grant's words", async () => {
    await using stage = await DebugStage.set();
    const ada = await stage.open({ command: ["/bin/sh", "-c", "read -r _ # canary-4711"] }, { columns: 111, rows: 33 });
    await ada.sees(/recorded/);
    ada.line.resize(120, 40);
    await stage.plane.until(() => stage.plane.debug.recordings.all()[0]?.text.includes('"r","120x40"'), {
      what: "a resize",
    });
    const [recording] = stage.plane.debug.recordings.all();
    const [header = ""] = recording?.text.split("\n") ?? [];
    expect(JSON.parse(header)).toMatchObject({ version: 2, width: 111, height: 33 });
    expect(recording?.text).not.toContain("canary-4711");
    expect(JSON.stringify(stage.log.lines)).not.toContain("canary-4711");
  });

  it("that the control plane does not take ends the terminal, which tells why", async () => {
    await using stage = await DebugStage.set();
    stage.plane.debug.recordings.fault = "refuse";
    const ada = await stage.open();
    expect(await ada.ended).toMatchObject({ reason: "recording-failed" });
    expect(ada.text).toContain("The recording cannot be stored any more.");
    await expect.poll(() => readdir(stage.recordingsDir)).toEqual([`rec-${ada.line.grantId}.cast.refused`]);
    const told = await stage.board.recordings.first(
      (view) => view?.at === "kept" && view.left.length > 0,
      AbortSignal.timeout(15_000),
    );
    expect(told).toMatchObject({
      waiting: [],
      left: [{ file: `rec-${ada.line.grantId}.cast.refused`, isRefused: true }],
    });
  });

  it("that the control plane takes and does not store is told, while the terminal goes on", async () => {
    await using stage = await DebugStage.set();
    stage.plane.debug.recordings.fault = "stall";
    const ada = await stage.open();
    await ada.sees(/recorded/);
    const told = await stage.board.recordings.first(
      (view) => view?.at === "kept" && view.waiting.some(({ waitingBytes }) => waitingBytes > 0),
      AbortSignal.timeout(15_000),
    );
    expect(told).toMatchObject({ problem: "", waiting: [{ recordingId: `rec-${ada.line.grantId}` }] });
  });

  it("that cannot be begun keeps the terminal from starting", async () => {
    await using stage = await DebugStage.set();
    await writeFile(stage.recordingsDir, "a file where the folder should be");
    const ada = await stage.open({ command: ["/bin/sh", "-c", "echo unseen"] });
    expect(await ada.ended).toMatchObject({ reason: "not-recorded" });
    expect(ada.text).toBe("");
  });

  it("that the disk does not take ends the terminal: nobody sees what is not recorded", async () => {
    const full = recordingFiles("/dev/null/none");
    await using stage = await DebugStage.set({
      recordings: {
        ...full,
        async begin(recordingId, header) {
          await mkdir(stage.recordingsDir, { recursive: true });
          const recording = await recordingFiles(stage.recordingsDir).begin(recordingId, header);
          const append = recording.append.bind(recording);
          recording.append = async (lines) => {
            if (lines.includes("too much")) throw new Error("ENOSPC, as on a full disk");
            await append(lines);
          };
          return recording;
        },
      },
    });
    const ada = await stage.open({ command: ["/bin/sh", "-c", 'read -r _; echo "too $0"; read -r _', "much"] });
    await ada.sees(/recorded/);
    await ada.type("\n");
    expect(await ada.ended).toMatchObject({ reason: "recording-failed" });
    expect(ada.text).not.toContain("too much");
  });
});

describe("a recording that a crash broke off", () => {
  const line = `${JSON.stringify([1.5, "o", "seen"])}\n`;
  it.each([
    { what: "in the middle of a line", left: `${HEADER}${line}[2.0,"o","ha`, ends: true },
    { what: "after a line", left: `${HEADER}${line}`, ends: true },
    { what: "after its end", left: `${HEADER}${line}[2,"x","0"]\n`, ends: false },
  ])("$what is whole lines again, has an end, and plays", async ({ left, ends }) => {
    await inFolder(async (dir) => {
      await writeFile(join(dir, "rec-g-1.cast"), left);
      const [recording] = await recordingFiles(dir).recover();
      const lines = (await readFile(join(dir, "rec-g-1.cast"), "utf8")).split("\n");
      expect(recording).toMatchObject({ recordingId: "rec-g-1", isEnded: true });
      expect(lines.at(-1)).toBe("");
      expect(lines.at(-2)).toBe(ends ? '[1.5,"x","-1"]' : '[2,"x","0"]');
      expect(await played(lines.join("\n"))).toBe("seen");
      await recording?.release();
    });
  });

  it("before its first line is nothing, and goes", async () => {
    await inFolder(async (dir) => {
      await writeFile(join(dir, "rec-g-1.cast"), HEADER.slice(0, 10));
      expect(await recordingFiles(dir).recover()).toEqual([]);
      expect(await readdir(dir)).toEqual([]);
    });
  });

  it.skipIf(needsRoot)("is sent to its end by the next process of control", async () => {
    await using stage = await DebugStage.set();
    await stage.stop();
    const { grantId } = stage.grant();
    await mkdir(stage.recordingsDir, { recursive: true });
    await writeFile(join(stage.recordingsDir, `rec-${grantId}.cast`), `${HEADER}${line}[2,"o","ha`);
    await stage.restart();
    await stage.plane.until(() => stage.plane.debug.recordings.all()[0]?.isComplete, { what: "the rest of it" });
    expect(await played(stage.plane.debug.recordings.all()[0]?.text ?? "")).toBe("seen");
    await expect.poll(() => readdir(stage.recordingsDir)).toEqual([]);
  });
});

describe("a recording's file", () => {
  it("gives whole lines from any line on, also one that is longer than asked for", async () => {
    await inFolder(async (dir) => {
      const recording = await recordingFiles(dir).begin("rec-g-1", HEADER);
      const long = `${JSON.stringify([1, "o", "x".repeat(5_000)])}\n`;
      await recording.append(long);
      await recording.append(`${JSON.stringify([2, "o", "y"])}\n`);
      expect(text(await recording.read(0, 100))).toBe(HEADER);
      expect(text(await recording.read(HEADER.length, 100))).toBe(long);
      expect(text(await recording.read(HEADER.length + long.length, 100))).toBe('[2,"o","y"]\n');
      expect(await recording.read(recording.sizeBytes, 100)).toHaveLength(0);
      await expect(recordingFiles(dir).begin("rec-g-1", HEADER)).rejects.toMatchObject({ code: "recording.not-begun" });
      await recording.forget();
    });
  });

  it("never has half a character: what a chunk leaves of one waits for the rest", async () => {
    const cast = new Asciicast(0);
    const rocket = Buffer.from("🚀");
    expect(cast.output(rocket.subarray(0, 2), 1_000)).toBe("");
    expect(cast.output(rocket.subarray(2), 2_000)).toBe('[2,"o","🚀"]\n');
    expect(cast.output(Buffer.from([0xff]), 1_500)).toBe('[2,"o","\uFFFD"]\n');
    expect(cast.output(rocket.subarray(0, 3), 3_000)).toBe("");
    expect(cast.end("over", 0, 3_000)).toBe('[3,"o","\uFFFD"]\n[3,"m","over"]\n[3,"x","0"]\n');
  });

  it("is cut back to whole lines when a process wrote half a line into it", async () => {
    await inFolder(async (dir) => {
      const first = await recordingFiles(dir).begin("rec-g-1", HEADER);
      await first.release();
      await appendFile(join(dir, "rec-g-1.cast"), `[1,"o","${"z".repeat(200_000)}`);
      const [again] = await recordingFiles(dir).recover();
      expect(await readFile(join(dir, "rec-g-1.cast"), "utf8")).toMatch(
        /^\{[^\n]*\}\n\[0,"m",[^\n]*\]\n\[0,"x","-1"\]\n$/,
      );
      await again?.release();
    });
  });
});

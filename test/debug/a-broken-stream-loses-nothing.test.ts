import { describe, expect, it } from "vitest";
import { DebugStage, needsRoot } from "./stage.ts";

describe.skipIf(needsRoot)("a stream that breaks", () => {
  it("is taken up again where it was: no byte of output is lost or comes twice", async () => {
    await using stage = await DebugStage.set();
    const ada = await stage.open({ command: ["/bin/sh", "-c", "seq 1 60000; echo all of it"] });
    for (const after of [1_000, 20_000, 40_000, 59_000]) {
      await ada.sees(new RegExp(`\\n${after}\\r`));
      ada.line.breakOff();
    }
    await ada.sees(/all of it/);
    expect(await ada.ended).toMatchObject({ exitCode: 0, reason: "" });
    expect(ada.line.streams).toBe(5);
    const lines = ada.text.split("\r\n").filter((line) => /^\d+$/.test(line));
    expect(lines).toEqual(Array.from({ length: 60_000 }, (_, at) => String(at + 1)));
  });

  it("loses no key, and types none twice", async () => {
    await using stage = await DebugStage.set();
    const ada = await stage.open({ command: ["/bin/sh", "-c", "stty -echo; echo go; cat"] });
    await ada.sees(/go/);
    for (let at = 0; at < 40; at += 1) {
      await ada.type(`key ${at}\n`);
      if (at % 8 === 7) ada.line.breakOff();
    }
    await ada.sees(/key 39\r/);
    expect(ada.text.match(/key \d+/g)).toEqual(Array.from({ length: 40 }, (_, at) => `key ${at}`));
  });

  it("and is not taken up within the grant's grace ends the terminal", async () => {
    await using stage = await DebugStage.set();
    const ada = await stage.open({ graceMs: 1_000 });
    await ada.sees(/recorded/);
    stage.plane.transport.stopListening();
    stage.plane.transport.cutConnections();
    expect(await stage.untilStatus(ada.line.grantId, "ended")).toMatchObject({ reason: "disconnected" });
    await stage.plane.transport.listenAgain();
  });
});

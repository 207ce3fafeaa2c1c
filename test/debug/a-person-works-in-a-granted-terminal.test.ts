import { describe, expect, it } from "vitest";
import { DebugStage, needsRoot } from "./stage.ts";

describe.skipIf(needsRoot)("a granted terminal", () => {
  it("is a login shell without privilege, says that it is recorded, and tells its exit code", async () => {
    await using stage = await DebugStage.set();
    const ada = await stage.open();
    await ada.sees(/This terminal is recorded. Grant g-\w+, unprivileged/);
    await ada.type("id -un; grep -c . /proc/1/environ; stty size; grep CapEff /proc/self/status\n");
    await ada.sees(/nobody/);
    await ada.sees(/Permission denied/);
    await ada.sees(/24 80/);
    await ada.sees(/CapEff:\s+0{16}/);
    await ada.type("exit 7\n");
    expect(await ada.ended).toMatchObject({ exitCode: 7, signal: "", reason: "" });
    expect(await stage.untilStatus(ada.line.grantId, "ended")).toMatchObject({ reason: "" });
  });

  it("is the granted program, with its words as they are, when the grant names one", async () => {
    await using stage = await DebugStage.set();
    const ada = await stage.open({ command: ["/usr/bin/printf", "%s|", "a b", "$HOME", "'"] });
    await ada.sees(/a b\|\$HOME\|'\|/);
    expect(await ada.ended).toMatchObject({ exitCode: 0 });
  });

  it("is root's only when the grant says so", async () => {
    await using stage = await DebugStage.set();
    const ada = await stage.open({ command: ["/usr/bin/id", "-un"], root: true });
    await ada.sees(/^root\r$/m);
    expect(await ada.ended).toMatchObject({ exitCode: 0 });
  });

  it("follows the person's window", async () => {
    await using stage = await DebugStage.set();
    const ada = await stage.open({}, { columns: 90, rows: 20 });
    await ada.type("stty size\n");
    await ada.sees(/20 90/);
    ada.line.resize(132, 43);
    await ada.type("stty size\n");
    await ada.sees(/43 132/);
  });

  it("takes Ctrl-C and signals to what runs in it, and not to the shell", async () => {
    await using stage = await DebugStage.set();
    const ada = await stage.open();
    await ada.type("sh -c 'echo begun; exec sleep 1000'; echo first $?\n");
    await ada.sees(/\rbegun/);
    await ada.type("\u0003");
    await ada.type("echo second $?\n");
    await ada.sees(/second 130/);
    await ada.type("sh -c 'echo again; exec sleep 1000'; echo third $?\n");
    await ada.sees(/\ragain/);
    ada.line.signal("SIGTERM");
    await ada.sees(/third 143/);
    ada.line.signal("SIGNOTHING");
    await ada.type("exit\n");
    expect(await ada.ended).toMatchObject({ reason: "" });
  });

  it("tells the signal that ended the program", async () => {
    await using stage = await DebugStage.set();
    const ada = await stage.open({ command: ["/bin/sh", "-c", "echo up; sleep 1000"] });
    await ada.sees(/up/);
    await ada.type("\u0003");
    expect(await ada.ended).toMatchObject({ exitCode: 130 });
  });

  it("makes a program wait whose output nobody looks at, and then shows all of it", async () => {
    await using stage = await DebugStage.set();
    let look = (): void => undefined;
    const ada = await stage.open({ command: ["/bin/sh", "-c", "seq 1 400000; echo all of it"] });
    ada.looks = new Promise((resolve) => (look = resolve));
    await expect.poll(() => ada.line.output().length, { timeout: 20_000 }).toBeGreaterThan(100_000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const held = ada.line.output().length;
    // Windows of the contract, of the process that holds the terminal, and of the kernel.
    expect(held).toBeLessThan(900_000);
    look();
    await ada.sees(/all of it/);
    const lines = ada.text.split("\r\n").filter((line) => /^\d+$/.test(line));
    expect(lines.length).toBe(400_000);
    expect(lines.every((line, at) => line === String(at + 1))).toBe(true);
  });

  it("takes input as fast as its program reads it, and no faster", async () => {
    await using stage = await DebugStage.set();
    const ada = await stage.open({
      command: ["/bin/sh", "-c", "stty raw -echo; echo go; sleep 2; head -c 300000 | md5sum"],
    });
    await ada.sees(/go/);
    const input = "0123456789abcde\n".repeat(18_750);
    for (let at = 0; at < input.length; at += 10_000) await ada.type(input.slice(at, at + 10_000));
    const { createHash } = await import("node:crypto");
    await ada.sees(new RegExp(createHash("md5").update(input).digest("hex")));
  });
});

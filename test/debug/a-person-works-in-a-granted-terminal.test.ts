import { expect, it } from "vitest";
import { DebugStage, needsRoot } from "./stage.ts";

it.skipIf(needsRoot)(
  "gives a login shell without privilege, says that it is recorded, and tells its exit code",
  async () => {
    await using stage = await DebugStage.set();
    const ada = await stage.open();
    await ada.sees(/This terminal is recorded/);
    await ada.type("id -un; stty size; tty\n");
    await ada.sees(/nobody/);
    await ada.sees(/24 80/);
    await ada.sees(/\/dev\/pts\/\d+/);
    await ada.type("exit 7\n");
    expect(await ada.ended).toMatchObject({ exitCode: 7, signal: "", reason: "" });
  },
);

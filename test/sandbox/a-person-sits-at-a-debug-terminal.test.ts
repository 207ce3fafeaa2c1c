import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { inTree } from "../../sandbox/stack/tree.ts";
import { Screen } from "../cli/screen.ts";
import { processesWith } from "../debug/processes-with.ts";
import { eventually } from "../journeys/stage/eventually.ts";
import { needsStage } from "../journeys/stage/whether.ts";
import { RealSandbox, sandbox } from "./real-sandbox.ts";

needsStage();

it("in a real terminal: as one of their own, left and come back to, with its exit code, recorded", async () => {
  await using up = await RealSandbox.start();
  await up.ready();
  await using screen = await Screen.open(join(up.dir, "tmux.sock"));
  const debug = `${process.execPath} ${inTree("dist/sandbox/main.js")} debug`;

  await screen.type(`${debug} open --dir ${up.dir}; echo "code: $?"`);
  await screen.shows(/This terminal is recorded/);
  await screen.type("id -un; stty size");
  await screen.shows(/^nobody$[^]*^30 100$/m);
  await screen.type("sleep 1000");
  await screen.shows(/\$ sleep 1000$/m);
  await screen.key("C-c");
  await screen.type("echo still $((40 + 2))");
  await screen.shows(/^still 42$/m);
  await screen.resize(120, 40);
  await screen.type("stty size");
  await screen.shows(/^40 120$/m);
  await screen.key("C-]");
  await screen.shows(/You left. To come back:[^]*^code: 0$/m);

  const listed = JSON.parse((await sandbox("debug", "list", "--dir", up.dir, "--json")).stdout) as {
    readonly grantId: string;
    readonly state: string;
    readonly recordingId: string;
  }[];
  expect(listed).toMatchObject([{ state: "open" }]);
  const { grantId = "", recordingId = "" } = listed[0] ?? {};
  await screen.type(`clear; ${debug} attach --dir ${up.dir} ${grantId}; echo "code: $?"`);
  await screen.shows(/Ctrl-\] leaves/);
  await screen.type("echo back $((6 * 7)); exit 7");
  await screen.shows(/^back 42$[^]*^code: 7$/m);

  await screen.type(`clear; ${debug} play --dir ${up.dir} ${recordingId} --speed 1000; echo "code: $?"`);
  await screen.shows(/^still 42$[^]*^back 42$[^]*^code: 0$/m);
  expect(await readFile(join(up.dir, "recordings", `${recordingId}.cast`), "utf8")).toContain("still 42");
  expect(await sandbox("debug", "attach", "--dir", up.dir, grantId)).toMatchObject({ exitCode: 69 });
});

it("whose sandbox ends takes all with it that was started there", async () => {
  await using up = await RealSandbox.start();
  await up.ready();
  await using screen = await Screen.open(join(up.dir, "tmux.sock"));
  const mark = `mark-${process.pid}-${Date.now()}`;
  await screen.type(
    `${process.execPath} ${inTree("dist/sandbox/main.js")} debug open --dir ${up.dir}; echo "code: $?"`,
  );
  await screen.shows(/^nobody@.*\$$/m);
  await screen.type(`MARK=${mark} setsid sleep 1000 & MARK=${mark} sh -c 'trap "" HUP TERM; sleep 1000' &`);
  await eventually("both run", async () => (await processesWith(`MARK=${mark}`)).length >= 3);
  up.process.kill("SIGINT");
  await up.process;
  expect(await processesWith(`MARK=${mark}`)).toEqual([]);
  await screen.shows(/code: 69/);
});

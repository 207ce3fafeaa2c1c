import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { takeDiagnostics } from "../../sandbox/admin/diagnostics.ts";
import { folderOfOwn, listed, unpacked } from "../bundle/unpacked.ts";
import { REF } from "./stage/set-up.ts";
import { sharedStage } from "./stage/shared-stage.ts";

const stage = sharedStage();
it("a person who asks through the control plane gets a file, and the request is withdrawn", {
  timeout: 60_000,
}, async () => {
  await using folder = await folderOfOwn();
  const { machineId, file, sizeBytes } = await takeDiagnostics(stage().plane, folder.path, undefined);
  expect(machineId).toBe(stage().machine.id);
  expect(await stat(file)).toMatchObject({ size: sizeBytes, mode: 0o100600 });
  expect(stage().machine.project.wishes.diagnosticsRequests).toEqual([]);
  expect((await unpacked(file, folder.path)).get("manifest.json")).toContain(machineId);
  await expect(takeDiagnostics(stage().plane, folder.path, "m-nobody")).rejects.toThrow("No machine m-nobody");
});

const inAMinute = (): Date => new Date(Date.now() + 60_000);

it("each request is answered once, one after the other, also after control was killed", {
  timeout: 120_000,
}, async () => {
  const { plane } = stage();
  const ask = (...ids: readonly string[]) =>
    plane.wish(REF, { diagnosticsRequests: ids.map((requestId) => ({ requestId, expiresAt: inAMinute() })) }).applied();
  const ids = (): readonly string[] =>
    plane
      .archives()
      .map(({ requestId }) => requestId)
      .filter((id) => id.startsWith("r-"));
  await ask("r-1", "r-2");
  await plane.until(() => ids().length === 2, { what: "both bundles", deadlineMs: 45_000 });
  expect(ids()).toEqual(["r-1", "r-2"]);
  const { attaches } = stage().machine;
  await stage().kill("control");
  await plane.until(() => stage().machine.attaches > attaches, { what: "control to attach again" });
  await ask("r-1", "r-2", "r-3");
  await plane.until(() => ids().length === 3, { what: "the third bundle", deadlineMs: 45_000 });
  expect(ids()).toEqual(["r-1", "r-2", "r-3"]);

  const archive = plane.archives().find(({ requestId }) => requestId === "r-1");
  await using folder = await folderOfOwn();
  await writeFile(join(folder.path, "b.tar.gz"), archive?.bytes ?? "");
  for (const line of await listed(join(folder.path, "b.tar.gz")))
    expect(line).toMatch(/^-rw------- 0\/0 .* builder-agent-m-[^/]+\//);
  const files = await unpacked(join(folder.path, "b.tar.gz"), folder.path);
  const marker = /"marker": "(BUG-[^"]+)"/.exec(files.get("manifest.json") ?? "")?.[1];
  expect(JSON.parse(files.get("manifest.json") ?? "")).toMatchObject({
    madeBy: "control",
    requestId: "r-1",
    machineId: stage().machine.id,
  });
  expect(files.get("logs/launcher/9999.log")).toContain(marker);
  expect(files.get("status.json")).toContain('"ready": true');
  const answered = await stage().log.last("diagnostics.answered", ({ data }) => data["requestId"] === "r-1");
  expect(answered?.data).toMatchObject({ marker, sizeBytes: archive?.bytes.length });
});

import { expect, it } from "vitest";
import { serviceUnits } from "../../agent/adapters/systemd/service-units.ts";
import { OWN_UNIT, UNIT_NAMES } from "../../agent/adapters/systemd/unit-names.ts";
import { standIn } from "./stand-in.ts";

const systemd = standIn();
const units = serviceUnits();
const never = new AbortController().signal;
const VOLUME = UNIT_NAMES["cache-volume"];

function fails(stderr: string, code: number): string {
  return `echo ${JSON.stringify(stderr)} >&2; exit ${code}\n`;
}

it.each([
  {
    said: `Failed to start ${VOLUME}: Access denied`,
    code: "service.denied",
    retryable: false,
    words: /polkit rule installed/,
  },
  {
    said: `Failed to start ${VOLUME}: Interactive authentication required.`,
    code: "service.denied",
    retryable: false,
    words: /not allowed/,
  },
  {
    said: `Failed to start ${VOLUME}: Unit ${VOLUME} not found.`,
    code: "service.not-found",
    retryable: false,
    words: /not installed/,
  },
  {
    said: "Failed to connect to bus: No such file or directory",
    code: "service.no-answer",
    retryable: true,
    words: /does not answer/,
  },
  {
    said: `Job for ${VOLUME} failed because the control process exited with error code.`,
    code: "service.failed",
    retryable: true,
    words: /did not start \(exit-code\); it said: the mapper is not open/,
  },
])("$said → $code", async ({ said, code, retryable, words }) => {
  await systemd().does("start", fails(said, 1));
  await systemd().shows(VOLUME, { Result: "exit-code", InvocationID: "c0ffee" });
  await systemd().lastWords("the mapper is not open");
  const failure = units.start("cache-volume", never);
  await expect(failure).rejects.toMatchObject({ code, retryable });
  await expect(failure).rejects.toThrow(words);
});

it("finds that a dependency failed, and says which unit was wanted", async () => {
  await systemd().does("start", fails(`A dependency job for ${UNIT_NAMES["cache-mount"]} failed.`, 1));
  await systemd().shows(UNIT_NAMES["cache-mount"], { Result: "success", InvocationID: "" });
  await expect(units.start("cache-mount", never)).rejects.toMatchObject({
    code: "service.failed",
    message: `${UNIT_NAMES["cache-mount"]} did not start (success); it said nothing`,
  });
});

it("stops what is not installed without a word", async () => {
  await systemd().shows(OWN_UNIT, { ActiveState: "active", Job: "" });
  await systemd().shows(VOLUME, { ActiveState: "failed", Job: "" });
  await systemd().does("stop", fails(`Failed to stop ${VOLUME}: Unit ${VOLUME} not loaded.`, 5));
  await expect(units.stop("cache-volume", never)).resolves.toBeUndefined();
});

it.each([
  { own: { ActiveState: "active", Job: "" }, asked: `stop ${VOLUME}` },
  { own: { ActiveState: "deactivating", Job: "" }, asked: `stop ${VOLUME}` },
  { own: { ActiveState: "activating", Job: "7" }, asked: `stop ${VOLUME}` },
  { own: { ActiveState: "deactivating", Job: "7" }, asked: `stop ${VOLUME} --no-block` },
])("waits for a stop unless systemd is ending this process: $own", async ({ own, asked }) => {
  await systemd().shows(OWN_UNIT, own);
  await systemd().shows(VOLUME, { ActiveState: "active", Job: "" });
  await units.stop("cache-volume", never);
  expect(await systemd().asked()).toEqual([asked]);
});

it.each([
  { shown: { ActiveState: "inactive", Job: "" }, asked: [] },
  { shown: { ActiveState: "inactive", Job: "9" }, asked: [`stop ${VOLUME}`] },
  { shown: { ActiveState: "failed", Job: "" }, asked: [`stop ${VOLUME}`] },
  { shown: { ActiveState: "deactivating", Job: "9" }, asked: [`stop ${VOLUME}`] },
])("asks for no stop of what is down and stays down: $shown", async ({ shown, asked }) => {
  await systemd().shows(OWN_UNIT, { ActiveState: "active", Job: "" });
  await systemd().shows(VOLUME, shown);
  await units.stop("cache-volume", never);
  expect(await systemd().asked()).toEqual(asked);
});

it.each([
  [{ LoadState: "not-found", ActiveState: "inactive" }, "not-installed"],
  [{ LoadState: "masked", ActiveState: "inactive" }, "not-installed"],
  [{ LoadState: "loaded", ActiveState: "inactive" }, "inactive"],
  [{ LoadState: "loaded", ActiveState: "activating" }, "starting"],
  [{ LoadState: "loaded", ActiveState: "active" }, "active"],
  [{ LoadState: "loaded", ActiveState: "reloading" }, "active"],
  [{ LoadState: "loaded", ActiveState: "deactivating" }, "stopping"],
  [{ LoadState: "loaded", ActiveState: "failed" }, "failed"],
])("shows %o as %s", async (properties, at) => {
  await systemd().shows(VOLUME, { ...properties, Result: "success" });
  expect(await units.show("cache-volume", never)).toEqual({ at, result: "success" });
});

it("is cancelled by its signal, and that is no failure of systemd's", async () => {
  await systemd().does("start", "exec sleep 30\n");
  const cancel = new AbortController();
  const starting = units.start("cache-volume", cancel.signal);
  setTimeout(() => cancel.abort(new Error("enough")), 100);
  await expect(starting).rejects.toThrow("enough");
});

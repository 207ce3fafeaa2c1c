import { readFile, writeFile } from "node:fs/promises";
import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { Refusal } from "../../../sandbox/control-plane/refusal.ts";
import type { StageOptions } from "../stage/set-up.ts";
import { Stage } from "../stage/stage.ts";
import { needsStage } from "../stage/whether.ts";
import type { Cause } from "./stage/cause.ts";
import { NAMED_MS, seen, untilNamed, well } from "./stage/name-cause.ts";
import { paced } from "./stage/paced.ts";

needsStage();

const OUTAGE = new Refusal(status.UNAVAILABLE, "A test's outage.");
/** What is so of any such machine: a plain cache, an old Node. */
const USUAL = ["encryption", "runtime"];

/**
 * What is wrong from the start. Volumes are opened under systemd alone: what else can be wrong with
 * one is brought about by test/nspawn/a-machine-without-device-mapper, test/volume and
 * test/vm/what-is-not.
 */
const CAUSES: readonly (Omit<Cause, "bring" | "door"> & { readonly options: StageOptions })[] = [
  {
    what: "the control plane registers nobody",
    check: "machine-certificate",
    severity: "blocking",
    says: /Not registered with the control plane yet: .*A test's outage/,
    remedy: /registers again by itself/,
    options: { prepare: ({ faults }) => faults.answer("register", OUTAGE) },
    mend: async ({ plane }) => plane.faults.answer("register", undefined),
  },
  {
    what: "the cache has to be encrypted, and nobody has named a device",
    check: "cache-volume",
    severity: "blocking",
    says: /requires encryption, but its service manager cannot open volumes/,
    remedy: /builder-agent volume open --dry-run/,
    command: "volume open --dry-run --org ORG --project PROJECT",
    explains: ["encryption", "cache-filesystem", "buildkit", "disk"],
    options: { config: { cacheVolume: { requireEncryption: true } } },
    mend: async (stage) => {
      const text = await readFile(stage.configFile, "utf8");
      await writeFile(stage.configFile, text.replace("requireEncryption = true", "requireEncryption = false"));
      await stage.kill("launcher", "SIGTERM");
      await stage.startAgain();
    },
  },
  {
    what: "the cache is in a plain directory, as nobody requires otherwise",
    check: "encryption",
    severity: "warning",
    says: /^NOT ENCRYPTED: the cache is in a plain directory/,
    remedy: /cacheVolume\.device/,
    options: {},
    // Only a volume does: test/vm/a-machine-boots-to-ready-and-builds-on-an-encrypted-volume.
    mend: async () => undefined,
  },
];

it.each(CAUSES)("names it when $what: $check", { timeout: paced(90_000) }, async ({ options, ...cause }) => {
  const whole = { ...cause, bring: async () => undefined, door: "closed" as const };
  await using stage = await Stage.up({ ...options, awaitReady: false });
  const begunMs = Date.now();
  // What keeps nobody out is a cause of its own once the machine is ready.
  if (cause.severity === "warning") await stage.ready();
  await untilNamed(stage, whole);
  expect.soft(Date.now() - begunMs, "ms from the start until it was named").toBeLessThan(paced(2 * NAMED_MS));
  await seen(stage, whole, [...USUAL, cause.check]);
  await cause.mend(stage);
  await well(stage, USUAL);
});

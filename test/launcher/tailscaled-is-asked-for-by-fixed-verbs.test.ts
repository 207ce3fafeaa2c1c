import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { askedUnits } from "../../agent/adapters/launcher/asked-units.ts";
import { type Managed, serveVerbs } from "../../agent/adapters/launcher/serve-verbs.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { ServiceUnits } from "../../agent/ports/service-units.ts";
import { listenUnix, type UnixListener } from "../../agent/wire/listener.ts";
import { CollectedLog } from "../keys/collected-log.ts";
import { StandInUnit } from "./stand-in-unit.ts";

const { signal } = new AbortController();
let dir: string;
let listener: UnixListener;
let units: ServiceUnits;
let managed: Managed;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "verbs-"));
  const path = join(dir, "s");
  managed = { buildkit: new StandInUnit() };
  const refused = (why: string): AgentError => new AgentError("test.refused", why, { retryable: false });
  listener = await listenUnix(
    { path, mode: 0o600, maxConnections: 4, refused },
    (socket) => void serveVerbs(managed, socket, new CollectedLog(), signal),
  );
  units = askedUnits(path);
});
afterEach(async () => {
  await listener[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

it("starts, stops and shows it", async () => {
  const asked: string[] = [];
  managed = {
    ...managed,
    tailscaled: {
      start: async () => void asked.push("start"),
      stop: async () => void asked.push("stop"),
      show: async () => ({ at: "failed", result: "signal" }),
    },
  };
  await units.start("tailscaled", signal);
  await units.stop("tailscaled", signal);
  expect(asked).toEqual(["start", "stop"]);
  expect(await units.show("tailscaled", signal)).toEqual({ at: "failed", result: "signal" });
});

it("gives the asker its own error", async () => {
  const failure = new AgentError("service.failed", "tailscaled did not start: its words", { retryable: true });
  const refuse = (): Promise<never> => Promise.reject(failure);
  managed = { ...managed, tailscaled: { start: refuse, stop: refuse, show: refuse } };
  await expect(units.start("tailscaled", signal)).rejects.toMatchObject({
    code: "service.failed",
    message: failure.message,
    retryable: true,
  });
});

it("has none where none is installed: it cannot be started, and to stop it is harmless", async () => {
  await expect(units.start("tailscaled", signal)).rejects.toMatchObject({
    code: "service.not-found",
    retryable: false,
  });
  await units.stop("tailscaled", signal);
  expect(await units.show("tailscaled", signal)).toEqual({ at: "not-installed", result: "" });
});

it.each(["buildkitd", "cache-mount", "cache-volume"] as const)("has no %s", async (unit) => {
  await expect(units.start(unit, signal)).rejects.toMatchObject({ code: "service.not-found" });
});

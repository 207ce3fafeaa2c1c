import { describe, expect, it } from "vitest";
import { examined, nextChangeMs } from "../../agent/core/checks/examine.ts";
import { machineCertificate, servingCertificate } from "../../agent/core/checks/gateway.ts";
import type { Known } from "../../agent/core/known.ts";
import type { CertificatesView } from "../../agent/core/views.ts";
import { FIXED, NOW, WELL } from "./sample.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const RENEW_AT_MS = NOW.wallMs + 40 * MINUTE_MS;
const END_MS = NOW.wallMs + HOUR_MS;
const FAILING = { sinceMs: RENEW_AT_MS, nextTryMs: RENEW_AT_MS + 3 * MINUTE_MS };

function known(over: Partial<CertificatesView>): Known {
  const certificates = { machineNotAfterMs: END_MS, machineRenewAtMs: RENEW_AT_MS, servingRenewAtMs: RENEW_AT_MS };
  const gateway = { at: "here", runId: "g1", listening: true, open: new Map(), servingNotAfterMs: END_MS } as const;
  return { ...WELL, gateway, certificates: { ...certificates, lastRenewalError: "", ...over } };
}

const after = (ms: number) => ({ wallMs: NOW.wallMs + ms, monoMs: NOW.monoMs + ms });

describe.each([machineCertificate, servingCertificate])("the $name", (check) => {
  const look = (over: Partial<CertificatesView>, minutes: number) =>
    examined(known(over), after(minutes * MINUTE_MS), FIXED, [check])[0];

  it("says until when it is good and when it is renewed", () => {
    expect(look({}, 0)).toMatchObject({
      state: "ok",
      evidence: ["good until 2026-11-21T13:00:00Z", "renewal due at 2026-11-21T12:40:00Z"],
    });
  });

  it("whose renewal fails warns a minute after it was due, long before it ends, and keeps nobody out", () => {
    const failing = { failing: FAILING, lastRenewalError: "UNAVAILABLE: restarting" };
    expect(look(failing, 40.5)).toMatchObject({ state: "ok" });
    expect(look(failing, 41)).toMatchObject({
      state: "failed",
      blocking: false,
      message:
        "Valid until 2026-11-21T13:00:00Z, and its renewal was due at 2026-11-21T12:40:00Z. It fails since 2026-11-21T12:40:00Z: UNAVAILABLE: restarting",
      remedy: expect.stringContaining("builder-agent reconnect") as unknown,
      evidence: expect.arrayContaining(["next try at 2026-11-21T12:43:00Z"]) as unknown,
    });
    expect(look(failing, 60)).toMatchObject({ state: "failed", blocking: true });
  });

  it("that nobody renewed is told once the pause between two renewals is over as well", () => {
    expect(look({}, 50.9)).toMatchObject({ state: "ok" });
    expect(look({}, 51)).toMatchObject({
      state: "failed",
      blocking: false,
      remedy: expect.stringContaining("bundle") as unknown,
    });
  });

  it("is looked at again when age alone changes that", () => {
    const turns: number[] = [];
    let ms = 0;
    const view = known({ failing: FAILING, lastRenewalError: "no" });
    for (let due = nextChangeMs(view, NOW, [check]); due !== Number.POSITIVE_INFINITY; ) {
      turns.push((ms += due) / MINUTE_MS);
      due = nextChangeMs(view, after(ms), [check]);
    }
    expect(turns).toEqual([41, 51, 60]);
  });

  it("with a short life warns after a tenth of what is left", () => {
    const over = { machineRenewAtMs: END_MS - 20_000, servingRenewAtMs: END_MS - 20_000, failing: FAILING };
    expect(look(over, 60 - 19 / 60)).toMatchObject({ state: "ok" });
    expect(look(over, 60 - 18 / 60)).toMatchObject({ state: "failed", blocking: false });
  });
});

it.each([
  { by: "both clocks", planeMs: END_MS + 1, minutes: 61, refuses: true },
  { by: "the control plane's alone", planeMs: END_MS + HOUR_MS, minutes: 0, refuses: false },
])("a serving certificate that is over by $by refuses builds: $refuses", ({ planeMs, minutes, refuses }) => {
  const at = after(minutes * MINUTE_MS);
  const here = { ...known({}), plane: { ...WELL.plane, time: { planeMs, at } } };
  expect(examined(here, at, FIXED, [servingCertificate])[0]).toMatchObject({
    state: "failed",
    neededByBuilds: refuses,
  });
});

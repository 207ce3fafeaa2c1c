import { describe, expect, it } from "vitest";
import type { AllowSet } from "../../agent/core/allow-set.ts";
import { type SessionEnding, standing } from "../../agent/core/session.ts";
import { allowSet, certificate, grant, NOW } from "./sample.ts";

const BUILD = { orgId: "acme", projectId: "app", buildId: "b1" };
const granted = (over: Parameters<typeof grant>[0]): AllowSet => allowSet({ grants: new Map([["b1", grant(over)]]) });

describe("an open session", () => {
  it.each<{ ending: SessionEnding; of: string; allow: AllowSet }>([
    { ending: "build-ended", of: "its build is gone", allow: allowSet({ grants: new Map() }) },
    {
      ending: "build-ended",
      of: "its build ended",
      allow: allowSet({ grants: new Map(), closed: new Map([["b1", "ended"]]) }),
    },
    {
      ending: "build-revoked",
      of: "its build was revoked",
      allow: allowSet({ grants: new Map(), closed: new Map([["b1", "revoked"]]) }),
    },
    { ending: "build-ended", of: "the id now belongs to another project", allow: granted({ projectId: "other" }) },
    { ending: "build-revoked", of: "another key is granted", allow: granted({ keySpkiSha256: "bb".repeat(32) }) },
    {
      ending: "grant-expired",
      of: "its grant was shortened into the past",
      allow: granted({ expiresAtMs: NOW.wallMs }),
    },
  ])("ends with $ending when $of", ({ ending, allow }) => {
    expect(standing(BUILD, certificate(), allow, NOW.wallMs)).toMatchObject({ stands: false, ending });
  });

  it.each<{ of: string; allow: AllowSet }>([
    { of: "nothing changed", allow: allowSet() },
    { of: "the door is closed", allow: allowSet({ admission: { at: "closed", because: "disk: full" } }) },
    { of: "the view is an hour old", allow: allowSet({ confirmedAt: { wallMs: NOW.wallMs - 3_600_000, monoMs: 0 } }) },
    { of: "another build was revoked", allow: allowSet({ closed: new Map([["b2", "revoked"]]) }) },
  ])("goes on when $of", ({ allow }) => {
    expect(standing(BUILD, certificate(), allow, NOW.wallMs)).toMatchObject({ stands: true });
  });

  it("ends for its grant where grant and certificate run out together", () => {
    const together = certificate({ notAfterMs: grant().expiresAtMs });
    expect(standing(BUILD, together, allowSet(), NOW.wallMs)).toMatchObject({
      stands: true,
      endsAtMs: grant().expiresAtMs,
      endsBecause: "grant-expired",
    });
  });

  it("ends later when its grant is extended, but never after its certificate", () => {
    const certificateEnd = certificate().notAfterMs;
    expect(standing(BUILD, certificate(), granted({ expiresAtMs: certificateEnd + 1 }), NOW.wallMs)).toEqual({
      stands: true,
      endsAtMs: certificateEnd,
      endsBecause: "certificate-expired",
    });
  });
});

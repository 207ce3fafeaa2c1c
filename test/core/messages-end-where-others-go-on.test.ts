import { describe, expect, it } from "vitest";
import { examined } from "../../agent/core/checks/examine.ts";
import { CHECKS } from "../../agent/core/checks/register.ts";
import { clause } from "../../agent/core/clause.ts";
import { withSince } from "../../agent/core/health.ts";
import type { Known } from "../../agent/core/known.ts";
import { readiness } from "../../agent/core/readiness.ts";
import { NO_BUILDKIT, NO_PLANE } from "../../agent/core/views.ts";
import { desiredState, FIXED, NOW, WELL } from "./sample.ts";

const AGO = { wallMs: NOW.wallMs - 3_600_000, monoMs: NOW.monoMs - 3_600_000 };
/** As a library or a kernel says it. */
const WORDS = "No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1.";
const lost = { ...NO_PLANE, lastFailure: WORDS };

/** Situations in which a check has words of its own, and of somebody else. */
const SITUATIONS: Readonly<Record<string, Partial<Known>>> = {
  well: {},
  "nothing known": { desired: undefined, plane: NO_PLANE, gateway: { at: "away", runId: "" }, resources: undefined },
  "never attached": { desired: undefined, plane: lost, certificates: { lastRenewalError: WORDS } },
  hasty: { plane: { ...lost, attached: true, heardAt: NOW, hastyAt: NOW } },
  "heard once": { plane: { ...lost, heardAt: NOW } },
  "detached just now": { plane: { ...lost, heardAt: NOW, confirmedAt: NOW } },
  "silent for long": { plane: { ...lost, heardAt: AGO, confirmedAt: AGO, isSilent: true } },
  "attached and quiet": { plane: { ...WELL.plane, heardAt: AGO, confirmedAt: AGO } },
  "a state refused": { plane: { ...WELL.plane, refused: { revision: 8n, because: WORDS } } },
  expired: {
    certificates: { machineNotAfterMs: AGO.wallMs, lastRenewalError: WORDS },
    gateway: { at: "here", runId: "g", listening: true, open: new Map(), servingNotAfterMs: AGO.wallMs },
  },
  "renewals fail": { certificates: { machineNotAfterMs: NOW.wallMs + 1, lastRenewalError: WORDS } },
  "no cache": { cache: { at: "failed", because: WORDS } },
  "no network": { network: { at: "failed", because: WORDS }, isolation: { at: "failed", because: WORDS } as never },
  "no tailnet": {
    desired: desiredState({ tailnet: { generation: "1" } as never }),
    tailnet: { at: "failed", because: WORDS } as never,
  },
  "BuildKit is silent": { buildkit: { ...NO_BUILDKIT, at: "not-answering", message: WORDS } },
  "BuildKit restarts": { buildkit: { ...NO_BUILDKIT, at: "restarting", message: WORDS, quarantined: WORDS } },
  "disk low": {
    resources: {
      memoryAvailableBytes: 1,
      load1m: 0,
      cacheSizeBytes: 2 ** 40,
      cacheFreeBytes: 1,
      cacheInodes: 9,
      cacheFreeInodes: 0,
    },
    relief: { ...WELL.relief, message: WORDS },
  },
};

const DOUBLED = /(?<!\.)[.,;:]\s*[.,;:](?!\d)/;

describe.each(Object.entries(SITUATIONS))("the messages of all checks, %s", (_name, over) => {
  const found = examined({ ...WELL, ...over }, NOW, FIXED);

  it("have words, one sign at a time, and no full stop that a view would go on after", () => {
    expect(found).toHaveLength(CHECKS.length);
    const amiss = found.filter(
      ({ message }) =>
        !/[^\s.,;:]$/.test(message) || DOUBLED.test(`${message}, for 3 min`) || /\s{2}|undefined|null/.test(message),
    );
    expect(amiss.map(({ name, message }) => `${name}: ${message}`)).toEqual([]);
  });

  it("are reasons that can stand in a row", () => {
    const checks = found.map((one) => withSince(undefined, one, NOW.wallMs));
    const { reasons } = readiness({ at: "draining", reason: "we need it.", deadlineWallMs: 0 }, checks, new Set());
    expect(reasons.join("; ")).not.toMatch(DOUBLED);
  });
});

it.each([
  ["It waits.", "It waits"],
  ["It waits. ", "It waits"],
  ["Refused.; and again.: why", "Refused; and again: why"],
  ["and so on...", "and so on..."],
  ["cp.example.:443 is 1.5 s late", "cp.example.:443 is 1.5 s late"],
])("%s → %s", (words, told) => expect(clause(words)).toBe(told));

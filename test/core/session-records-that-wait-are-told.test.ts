import { expect, it } from "vitest";
import { examined } from "../../agent/core/checks/examine.ts";
import { later } from "../../agent/core/instant.ts";
import type { Known } from "../../agent/core/known.ts";
import { FIXED, NOW, WELL } from "./sample.ts";

function found(records: Partial<Known["records"]>, plane: Partial<Known["plane"]> = {}) {
  const known = { ...WELL, records: { waiting: 3, dropped: 0, ...records }, plane: { ...WELL.plane, ...plane } };
  return examined(known, NOW, FIXED).find(({ name }) => name === "records");
}

it.each([
  { what: "all is acknowledged", records: { waiting: 0 }, state: "ok", says: /^All are acknowledged$/ },
  { what: "they were sent a moment ago", plane: { recordsSentAt: NOW, heardAt: later(NOW, 8_000) }, state: "ok" },
  { what: "the control plane is silent altogether", plane: { recordsSentAt: NOW, heardAt: NOW }, state: "ok" },
  {
    what: "the control plane speaks, and acknowledges none",
    plane: { recordsSentAt: NOW, heardAt: later(NOW, 8_001) },
    state: "failed",
    says: /has not acknowledged 3 session records that it was sent at 2026/,
    remedy: /^The control plane has to acknowledge/,
  },
  {
    what: "the disk takes none",
    records: { notStored: "no space left" },
    plane: { recordsSentAt: NOW, heardAt: later(NOW, 8_001) },
    state: "failed",
    says: /cannot be stored, .*: no space left$/,
    remedy: /^Make room on the disk of this machine's state/,
  },
  {
    what: "a full journal dropped some",
    records: { dropped: 1 },
    state: "failed",
    says: /^Dropped .*: a session record; 3 wait$/,
  },
])("are $state when $what", ({ records, plane, state, says = /./, remedy = /^/ }) => {
  const finding = found(records ?? {}, plane);
  expect(finding).toMatchObject({ state, blocking: false, message: expect.stringMatching(says) as string });
  expect(finding?.remedy ?? "").toMatch(remedy);
});

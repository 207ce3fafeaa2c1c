import { readdir } from "node:fs/promises";
import { expect, it } from "vitest";
import type { PlatformName } from "../../agent/core/notices/notice.ts";
import { eventually } from "../journeys/stage/eventually.ts";
import { lookAt, NoticeStage } from "./stage.ts";

const TIMES = 8;
/** Google's answer is held back for 20 s, and waited for 2 s more: too long for every day. */
const IS_LONG = Number(process.env["BUILDER_AGENT_NOTICES"] || 1) > 1;

const descriptors = async (): Promise<number> => (await readdir("/proc/self/fd")).length;

/** Nothing is sent on a connection that waits: one whose far end is gone looks as this does. */
function dies(stage: NoticeStage, name: PlatformName): void {
  stage.servers[name].faults.set("*", { kind: "hang" });
}

async function isAsked(stage: NoticeStage, name: PlatformName): Promise<void> {
  stage.servers[name].faults.clear();
  expect(await lookAt(stage.platform(name))).toEqual([]);
}

it.each<PlatformName>(["aws", "azure"])(
  `%s's is given up ${TIMES} times at once, asked anew, and no connection stays`,
  { timeout: 40_000 },
  async (name) => {
    await using stage = await NoticeStage.open();
    await isAsked(stage, name);
    const before = await descriptors();
    dies(stage, name);
    const looks = Array.from({ length: TIMES }, () => lookAt(stage.platform(name)));
    for (const look of await Promise.allSettled(looks))
      expect(look).toMatchObject({ status: "rejected", reason: { code: "metadata.no-answer", retryable: true } });
    await eventually("no connection is left", async () => (await descriptors()) <= before);
    await isAsked(stage, name);
  },
);

it("Google's held answer is given up after 22 s, asked anew, and no connection stays", { timeout: 60_000 }, async ({
  skip,
}) => {
  if (!IS_LONG) skip("it takes its time: npm run test:notices");
  await using stage = await NoticeStage.open();
  const { lines } = stage.platform("gcp");
  const { signal } = new AbortController();
  for (const line of lines) expect(await line.look(signal)).toEqual([]);
  const before = await descriptors();
  dies(stage, "gcp");
  for (const look of await Promise.allSettled(lines.map((line) => line.look(signal))))
    expect(look).toMatchObject({ status: "rejected", reason: { message: /within the 22 s/ } });
  await eventually("no connection is left", async () => (await descriptors()) <= before);
  await isAsked(stage, "gcp");
});

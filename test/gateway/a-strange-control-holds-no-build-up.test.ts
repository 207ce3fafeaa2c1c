import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LINK } from "../../agent/adapters/link/values.ts";
import { Rig } from "./rig.ts";
import { answers } from "./visit.ts";

/** Of each. */
const FOR_MS = Number(process.env["BUILDER_AGENT_HOSTILE_SECONDS"] || 1) * 1_000;
/** Its unit has 512 MiB. */
const MOST_MIB = 450;
const LONG = LINK.lineMaxBytes - 1_000;
const BEFORE_A_PAUSE = 100;

const line = (order: object): string => `${JSON.stringify({ v: LINK.version, ...order })}\n`;
const filled = (before: string, piece: string, after: string): string =>
  `${before}${piece.repeat(Math.floor((LONG - before.length - after.length) / piece.length))}${after}\n`;
const allow = (at: number, change: object): string =>
  line({
    is: "allow",
    allowSet: {
      revision: String(at),
      epoch: "e",
      trustDomain: "builds.test",
      buildCas: [],
      grants: [],
      closed: [],
      admission: { at: "open" },
      confirmedAt: { wallMs: 1, monoMs: 1 },
      ...change,
    },
  });
const CHAIN = `-----BEGIN CERTIFICATE-----\n${"MAAA".repeat(64)}\n-----END CERTIFICATE-----\n`;
const EMPTY = filled('{"v":1,"is":"allow","allowSet":{"grants":[', "{},", "{}]}}");
const PEM = filled(
  '{"v":1,"is":"certify","chainPem":"',
  CHAIN.replaceAll("\n", "\\n"),
  `","keySpkiSha256":"${"a".repeat(64)}"}`,
);
const TEXT = filled('{"v":1,"is":"acknowledge","sessionIds":["', "x", '"]}');

/** No order that takes what is open its standing: whoever is control may do that. */
const ORDERS: readonly { readonly what: string; readonly next: (at: number) => string | undefined }[] = [
  { what: "half a line, then nothing", next: (at) => (at === 1 ? '{"v":1,' : undefined) },
  { what: "a line without an end", next: () => "x".repeat(65_536) },
  { what: "states of five million empty grants", next: () => EMPTY },
  { what: "certificates of 16 MB for a key that is another's", next: () => PEM },
  { what: "names of 16 MB", next: () => TEXT },
  { what: "fresh keys", next: () => line({ is: "rotate-key" }) },
  { what: "moments", next: (at) => line({ is: "confirm", at: { wallMs: 1e300, monoMs: -at } }) },
  { what: "sessions that never were", next: (at) => line({ is: "acknowledge", sessionIds: [`s-${at}`, "", "../x"] }) },
  { what: "states of a domain that is none", next: (at) => allow(at, { trustDomain: "../.." }) },
];

let rig: Rig;
let client: TLSSocket;
beforeAll(async () => {
  rig = await Rig.start({ asProcess: true });
  client = rig.connect(await rig.open());
  client.setMaxListeners(0);
});
afterAll(() => rig[Symbol.asyncDispose]());

it.each(ORDERS)(
  "a build goes on, and the gateway stays small, while somebody in control's place says $what",
  { timeout: 60_000 },
  async ({ next }) => {
    const strangers = new Set<Socket>();
    const over = new AbortController();
    const come = (): void => {
      if (over.signal.aborted) return;
      const socket = connect(rig.linkPath).on("error", () => undefined);
      strangers.add(socket.resume());
      let said = 0;
      const pour = (): void => {
        for (let count = 0; count < BEFORE_A_PAUSE; count += 1) {
          if (socket.destroyed || over.signal.aborted) return;
          const order = next((said += 1));
          if (order === undefined) return;
          if (!socket.write(order)) return void socket.once("drain", pour);
        }
        setImmediate(pour);
      };
      socket.once("connect", pour).once("close", () => {
        strangers.delete(socket);
        setTimeout(come, 50);
      });
    };
    come();
    let mostMib = 0;
    for (const until = performance.now() + FOR_MS; performance.now() < until; await sleep(50)) {
      expect(await answers(client)).toBe(true);
      mostMib = Math.max(mostMib, await residentMib(rig.pid));
    }
    over.abort();
    for (const socket of strangers) socket.destroy();
    expect(mostMib).toBeLessThan(MOST_MIB);
  },
);

it("and when it is over, its own control is heard again, and the next build is let in", async () => {
  expect(await answers(rig.connect(await rig.open("b2")))).toBe(true);
});

async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

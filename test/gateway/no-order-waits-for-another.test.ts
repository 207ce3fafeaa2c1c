import { expect, it } from "vitest";
import { keyMaker } from "../../agent/adapters/keys/key-maker.ts";
import type { KeyMaker, PrivateKey } from "../../agent/ports/keys.ts";
import { Rig } from "./rig.ts";
import { answers, visit } from "./visit.ts";

/** Makes the first key at once, and each further one when the test lets it. */
class SlowKeys implements KeyMaker {
  readonly #real = keyMaker();
  readonly waiting: { readonly go: () => void; readonly fail: (failure: Error) => void }[] = [];
  asked = 0;

  async make(): Promise<PrivateKey> {
    this.asked += 1;
    if (this.asked > 1) await new Promise<void>((go, fail) => this.waiting.push({ go, fail }));
    return this.#real.make();
  }
}

it("a revocation cuts at once while a key is being made, and the key is certified when it is there", async () => {
  const keys = new SlowKeys();
  await using rig = await Rig.start({ keys });
  const certificate = await rig.open("b1");
  const client = rig.connect(await rig.open("b2"));
  expect(await answers(client)).toBe(true);

  rig.control.rotateKey();
  rig.control.rotateKey();
  await rig.allow({ grants: rig.grantsWithout("b2"), closed: new Map([["b2", "revoked"]]) });
  const { summary } = await rig.eventOf("closed");
  expect(summary.ending).toBe("build-revoked");
  expect(rig.events.all.some((event) => event.is === "request")).toBe(false);
  expect(keys.asked).toBe(2);

  const first = await rig.eventOf("hello");
  const renewedFrom = rig.events.all.length;
  await rig.certify(first.request);
  await rig.eventOf("certified", () => true, renewedFrom);

  keys.waiting[0]?.go();
  const { request } = await rig.eventOf("request");
  expect(request.spkiSha256).not.toBe(first.request.spkiSha256);
  const from = rig.events.all.length;
  await rig.certify(request);
  await rig.eventOf("certified", () => true, from);
  expect(await visit(rig, rig.connect(certificate))).toMatchObject({ served: true });
  expect(rig.events.all.filter((event) => event.is === "request")).toHaveLength(1);
});

it("a key that cannot be made is logged, what was in use stays, and the next order makes one", async () => {
  const keys = new SlowKeys();
  await using rig = await Rig.start({ keys });
  const certificate = await rig.open();
  rig.control.rotateKey();
  await rig.allow();
  keys.waiting[0]?.fail(new Error("no entropy"));
  const { data } = await rig.log.first(({ event }) => event === "order.failed");
  expect(data["order"]).toBe("rotate-key");
  expect(await visit(rig, rig.connect(certificate))).toMatchObject({ served: true });
  rig.control.rotateKey();
  await rig.allow();
  keys.waiting[1]?.go();
  await rig.eventOf("request");
});

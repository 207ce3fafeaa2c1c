import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { connectToGateway } from "../../agent/adapters/link/client.ts";
import { listenForControl } from "../../agent/adapters/link/server.ts";
import { LINK } from "../../agent/adapters/link/values.ts";
import type { GatewayEvent } from "../../agent/ports/gateway.ts";
import { allowSet, KEY, LinkRig } from "./link-rig.ts";

const isA =
  <T extends { readonly is: string }>(is: T["is"]) =>
  (thing: T): boolean =>
    thing.is === is;

describe("the gateway's end", () => {
  it.each([
    { what: "noise", bytes: "what?\n", code: "link.malformed" },
    { what: "another version", bytes: '{"v":9,"is":"cut-all"}\n', code: "link.other-version" },
    { what: "a line without an end", bytes: Buffer.alloc(LINK.lineMaxBytes + 1, "x"), code: "link.line-too-long" },
  ])("drops who sends $what, counts it, and serves the next", async ({ bytes, code }) => {
    await using rig = await LinkRig.make();
    const { link, orders } = await rig.gateway();
    const stranger = await rig.stranger();
    stranger.write(bytes);
    await new Promise((resolve) => stranger.resume().once("close", resolve));
    const line = await rig.log.first(({ event }) => event === "link.dropped");
    expect(line.data["err"]).toMatchObject({ code });
    expect(link.faults).toBe(1);
    rig.control().gateway.allow(allowSet());
    await orders.first(isA("allow"));
  });

  it("hears the newer of two, and leaves the older", async () => {
    await using rig = await LinkRig.make();
    const { orders } = await rig.gateway();
    const older = await rig.stranger();
    await orders.first(isA("connected"));
    const dropped = new Promise((resolve) => older.resume().once("close", resolve));
    rig.control();
    await dropped;
    await orders.first(isA("lost"));
    expect(orders.all.map(({ is }) => is)).toEqual(["connected", "lost", "connected"]);
  });

  it("lets go of a control that does not read, before it fills the memory", async () => {
    await using rig = await LinkRig.make();
    const { link, orders } = await rig.gateway();
    const sleeper = await rig.stranger();
    sleeper.pause();
    await orders.first(isA("connected"));
    const news = { is: "request", request: { der: new Uint8Array(4_000_000), spkiSha256: KEY } } as const;
    for (let told = 0; told < 40; told += 1) link.tell(news);
    const line = await rig.log.first(({ event }) => event === "link.dropped");
    expect(line.data["err"]).toMatchObject({ code: "link.stalled" });
  });

  it("takes over a name that a dead gateway left, but not one that a live gateway holds", async () => {
    await using rig = await LinkRig.make();
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(`${rig.path}.old`, resolve));
    await rename(`${rig.path}.old`, rig.path);
    await expect(listenForControl({ path: rig.path, log: rig.log })).rejects.toMatchObject({
      code: "link.cannot-listen",
    });
    await new Promise((resolve) => dead.close(resolve));
    expect((await stat(rig.path)).isSocket()).toBe(true);
    await rig.gateway();
    const { events } = rig.control();
    await events.first(isA("hello"));
  });

  it("does not put itself in the place of a file", async () => {
    await using rig = await LinkRig.make();
    await writeFile(rig.path, "precious");
    await expect(listenForControl({ path: rig.path, log: rig.log })).rejects.toMatchObject({
      code: "link.cannot-listen",
    });
    expect(await readFile(rig.path, "utf8")).toBe("precious");
  });

  it("is open to its owner only", async () => {
    await using rig = await LinkRig.make();
    await rig.gateway();
    expect((await stat(rig.path)).mode & 0o777).toBe(0o600);
  });

  it("sends its last words before it closes, and takes its name away", async () => {
    await using rig = await LinkRig.make();
    const { link, orders } = await rig.gateway();
    const { events } = rig.control();
    await orders.first(isA("connected"));
    await events.first(isA("hello"));
    link.tell({ is: "cut", sessions: 7 });
    await link.close();
    expect(await events.first(isA<GatewayEvent>("cut"))).toMatchObject({ sessions: 7 });
    await events.first(isA("lost"));
    await expect(stat(rig.path)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("control's end", () => {
  it("can be read anew after its reader has ended, over one connection", async () => {
    await using rig = await LinkRig.make();
    const { orders } = await rig.gateway();
    const gateway = connectToGateway({ path: rig.path, clock: systemClock(), log: rig.log });
    for (let readers = 0; readers < 2; readers += 1) {
      const from = orders.all.length;
      const reader = new AbortController();
      const heard: string[] = [];
      for await (const event of gateway.events(reader.signal)) {
        heard.push(event.is);
        if (event.is === "hello") break;
      }
      reader.abort();
      expect(heard.at(-1)).toBe("hello");
      await orders.first(isA("lost"), from);
    }
    expect(orders.all.map(({ is }) => is)).toEqual(["connected", "lost", "connected", "lost"]);
  });

  it("gives up a gateway that says nothing for three beats, asks again, and stays with one that speaks", async () => {
    await using rig = await LinkRig.make();
    const { link, orders } = await rig.gateway();
    const { events } = rig.control(40);
    await events.first(isA("hello"));
    await events.first(isA("lost"));
    const line = await rig.log.first(({ event }) => event === "link.dropped");
    expect(line.data["err"]).toMatchObject({ code: "link.silent" });
    // It was there all along, and says hello to whoever comes.
    await orders.first(isA("connected"), 2);
    const told = setInterval(() => link.tell({ is: "cut", sessions: 0 }), 10);
    await events.first(isA("cut"));
    const losses = (): number => events.all.filter(isA("lost")).length;
    const before = losses();
    await new Promise((resolve) => setTimeout(resolve, 400));
    clearInterval(told);
    expect(losses()).toBe(before);
  });

  it("waits for a gateway that is not there yet, and says everything once it is", async () => {
    await using rig = await LinkRig.make();
    const { gateway, events } = rig.control();
    gateway.allow(allowSet({ revision: 1n }));
    gateway.allow(allowSet({ revision: 2n }));
    gateway.confirm({ wallMs: 5, monoMs: 6 });
    gateway.cutAll();
    const { orders } = await rig.gateway();
    await events.first(isA("hello"));
    await orders.first(isA("cut-all"));
    expect(orders.all).toEqual([
      { is: "connected" },
      { is: "allow", allowSet: allowSet({ revision: 2n, confirmedAt: { wallMs: 5, monoMs: 6 } }) },
      { is: "cut-all" },
    ]);
  });

  it("says it again to the next gateway: the policy, the certificate of its key, and what was not confirmed", async () => {
    await using rig = await LinkRig.make();
    const { gateway, events } = rig.control();
    const first = await rig.gateway();
    await events.first(isA("hello"));
    gateway.allow(allowSet());
    gateway.certify(KEY, "chain");
    gateway.cutAll();
    await first.orders.first(isA("cut-all"));
    first.link.tell({ is: "cut", sessions: 0 });
    await events.first(isA("cut"));
    await first.link.close();
    await events.first(isA("lost"));

    gateway.rotateKey();
    const same = await rig.gateway({ runId: "run-2" });
    await same.orders.first(isA("rotate-key"));
    expect(same.orders.all.map(({ is }) => is)).toEqual(["connected", "allow", "certify", "rotate-key"]);
    await same.link.close();

    // A gateway with a key of its own: the certificate is not for it, and it needs no fresher key.
    gateway.cutAll();
    const other = await rig.gateway({ request: { der: new Uint8Array([1]), spkiSha256: "cd".repeat(32) } });
    await other.orders.first(isA("cut-all"));
    expect(other.orders.all.map(({ is }) => is)).toEqual(["connected", "allow", "cut-all"]);
  });

  it("does not believe a gateway that starts without a hello", async () => {
    await using rig = await LinkRig.make();
    const impostor = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.write('{"v":1,"is":"cut","sessions":1}\n');
    });
    await new Promise<void>((resolve) => impostor.listen(rig.path, resolve));
    const { events } = rig.control();
    const line = await rig.log.first(({ event }) => event === "link.dropped");
    expect(line.data["err"]).toMatchObject({ code: "link.no-hello" });
    expect(events.all).toEqual([]);
    await new Promise((resolve) => impostor.close(resolve));
  });
});

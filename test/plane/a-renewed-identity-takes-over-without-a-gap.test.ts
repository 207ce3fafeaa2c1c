import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { joinTokenEvidence } from "../../agent/adapters/evidence/join-token-evidence.ts";
import { certificateReader } from "../../agent/adapters/keys/certificate-reader.ts";
import { keyMaker } from "../../agent/adapters/keys/key-maker.ts";
import type { ControlPlane } from "../../agent/ports/control-plane.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { APP, dial, endOf, FOREVER, HELLO, isDesired, join, next } from "./member.ts";
import { TokenFile } from "./token-file.ts";

async function member(plane: EmbeddedControlPlane, client: ControlPlane): Promise<MachineIdentity> {
  await using token = await TokenFile.holding(plane.issueJoinToken(APP));
  return await join(client, joinTokenEvidence({ tokenFile: token.path }));
}

describe("a renewal", () => {
  it("certifies the keys that were asked for, and no others", async () => {
    await using plane = await EmbeddedControlPlane.listen();
    await using client = dial(plane);
    const identity = await member(plane, client);
    const [machineKey, servingKey] = await Promise.all([keyMaker().make(), keyMaker().make()]);
    const machineRequest = await machineKey.request(identity.machineId);
    const servingRequest = await servingKey.request("serving");

    const both = await client.renew(identity, { machineRequest, servingRequest }, FOREVER);
    certificateReader().read(both.machineChainPem ?? "", machineKey);
    certificateReader().read(both.servingChainPem ?? "", servingKey);
    expect(both.trust).toEqual({
      trustDomain: plane.trustDomain,
      buildCas: [plane.authorities.builds.certPem.trim()],
    });

    const one = await client.renew(identity, { servingRequest }, FOREVER);
    expect(Object.keys(one).toSorted()).toEqual(["planeTimeMs", "servingChainPem", "trust"]);
  });

  it("moves new calls to the new certificate, while what is open on the old one goes on", async () => {
    await using plane = await EmbeddedControlPlane.listen();
    await using client = dial(plane);
    const old = await member(plane, client);
    const stopOld = new AbortController();
    const oldMessages = client.attach(old, HELLO, stopOld.signal).incoming[Symbol.asyncIterator]();
    await next(oldMessages, isDesired);

    const key = await keyMaker().make();
    const machineRequest = await key.request(old.machineId);
    const { machineChainPem: chainPem = "" } = await client.renew(old, { machineRequest }, FOREVER);
    const renewed = { machineId: old.machineId, key, chainPem, ...certificateReader().read(chainPem, key) };
    await client.renew(renewed, {}, FOREVER);
    expect(plane.transport.connections).toBe(2);

    const { buildId } = await plane.openBuild({ ...APP, wait: false });
    expect((await next(oldMessages, isDesired)).state.grants.has(buildId)).toBe(true);

    const stopNew = new AbortController();
    const newMessages = client.attach(renewed, HELLO, stopNew.signal).incoming[Symbol.asyncIterator]();
    expect((await next(newMessages, isDesired)).state.grants.has(buildId)).toBe(true);
    stopOld.abort();
    await expect.poll(() => plane.transport.connections, { timeout: 10_000 }).toBe(1);
    stopNew.abort();
  });

  it("with a certificate that has expired asks for new evidence", async () => {
    await using plane = await EmbeddedControlPlane.listen({ machineCertificateLifetimeMs: 1 });
    await using client = dial(plane);
    const identity = await member(plane, client);
    await sleep(identity.notAfterMs + 1_000 - Date.now());
    const refused = { status: "UNAUTHENTICATED", step: "new-evidence" };
    await expect(client.renew(identity, {}, FOREVER)).rejects.toMatchObject(refused);
    expect(await endOf(client.attach(identity, HELLO, FOREVER))).toMatchObject(refused);
  });

  it("of a machine that is refused ends the agent", async () => {
    await using plane = await EmbeddedControlPlane.listen();
    await using client = dial(plane);
    const identity = await member(plane, client);
    const end = endOf(client.attach(identity, HELLO, FOREVER));
    await plane.until(() => plane.machines()[0]?.link !== undefined);
    plane.refuseMachine(identity.machineId);
    const refused = { status: "PERMISSION_DENIED", step: "end-agent", refusal: { code: "machine-refused" } };
    expect(await end).toMatchObject(refused);
    await expect(client.renew(identity, {}, FOREVER)).rejects.toMatchObject(refused);
  });
});

import { X509Certificate } from "node:crypto";
import { expect, it } from "vitest";
import { certificateReader } from "../../agent/adapters/keys/certificate-reader.ts";
import { keyMaker } from "../../agent/adapters/keys/key-maker.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { KeyPair } from "../../sandbox/pki/key-pair.ts";

const MINUTE_MS = 60_000;
const APP = { org: "acme", project: "app" } as const;

it("no certificate outlives its authority, and each begins early enough for clocks that differ by 5 minutes", async () => {
  await using plane = await EmbeddedControlPlane.listen({
    authorityLifetimeMs: 10 * MINUTE_MS,
    machineCertificateLifetimeMs: 60 * MINUTE_MS,
    servingCertificateLifetimeMs: 60 * MINUTE_MS,
  });
  const { authorities } = plane;
  const endOf = (pem: string): number => Date.parse(new X509Certificate(pem).validTo);
  const key = await keyMaker().make();
  const { der } = await key.request("m");
  const machine = await authorities.machineChain("m", der);
  const serving = await authorities.servingChain("m.builders.example", der);
  for (const [chain, ca] of [
    [machine, authorities.machines],
    [serving, authorities.builders],
  ] as const) {
    const { notBeforeMs, notAfterMs } = certificateReader().read(chain, key);
    expect(notAfterMs).toBe(endOf(ca.certPem));
    expect(Date.now() - notBeforeMs).toBeGreaterThanOrEqual(5 * MINUTE_MS);
  }
  const { spkiDer } = await KeyPair.generate();
  const build = await authorities.build({ ...APP, buildId: "b1" }, Date.now() + 60 * MINUTE_MS, spkiDer);
  expect(endOf(build)).toBe(endOf(authorities.builds.certPem));
  const own = await authorities.ownCertificate();
  expect(endOf(own.certPem)).toBeLessThanOrEqual(endOf(authorities.controlPlane.certPem));
  // And one that ends before its authority does ends when it should.
  const short = await authorities.build({ ...APP, buildId: "b2" }, Date.now() + MINUTE_MS, spkiDer);
  expect(endOf(short) - Date.now()).toBeLessThanOrEqual(MINUTE_MS + 1_000);
});

import { beforeAll, describe, expect, it } from "vitest";
import { certificateReader } from "../../agent/adapters/keys/certificate-reader.ts";
import { keyMaker } from "../../agent/adapters/keys/key-maker.ts";
import type { PrivateKey } from "../../agent/ports/keys.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";

let authority: CertificateAuthority;
let key: PrivateKey;
let chainPem: string;
const notBefore = new Date("2031-02-03T04:05:06Z");
const notAfter = new Date("2031-02-03T05:05:06Z");

beforeAll(async () => {
  authority = await CertificateAuthority.create({ name: "machines" });
  key = await keyMaker().make();
  const { der } = await key.request("builder-machine");
  chainPem = (await authority.certify({ csrDer: der }, { notBefore, notAfter })).chainPem;
});

describe("the certificate reader", () => {
  it("gives the dates of the leaf", () => {
    expect(certificateReader().read(chainPem, key)).toEqual({
      notBeforeMs: notBefore.getTime(),
      notAfterMs: notAfter.getTime(),
    });
  });

  it("reads the leaf, not what follows it", () => {
    expect(certificateReader().read(`${chainPem}\n${authority.certPem}`, key).notAfterMs).toBe(notAfter.getTime());
  });

  it.each([
    ["nothing", () => "", "no PEM certificate"],
    ["text", () => "not a certificate", "no PEM certificate"],
    ["a block that was cut off", () => chainPem.slice(0, -40), "no PEM certificate, or a broken one"],
    ["a private key beside it", () => `${chainPem}\n${key.pem.reveal()}`, "no PEM certificate, or a broken one"],
    [
      "a block with wrong bytes",
      () => "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      "does not parse",
    ],
    [
      "a broken certificate behind a good one",
      () => `${chainPem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
      "does not parse",
    ],
    ["somebody else's certificate", () => authority.certPem, "another key"],
  ])("refuses %s", (_name, chain, because) => {
    expect(() => certificateReader().read(chain(), key)).toThrow(
      expect.objectContaining({
        code: "identity.certificate-unusable",
        message: expect.stringContaining(because) as string,
      }),
    );
  });
});

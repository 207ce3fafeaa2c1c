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

async function csr(): Promise<{ readonly csrDer: Uint8Array }> {
  return { csrDer: (await key.request("builder-machine")).der };
}

describe("the certificate reader", () => {
  it("gives the dates of the leaf", () => {
    expect(certificateReader().read(chainPem, key)).toEqual({
      notBeforeMs: notBefore.getTime(),
      notAfterMs: notAfter.getTime(),
    });
  });

  it("gives the dates at which the whole chain is good: nothing outlives its CA", async () => {
    const [begin, end] = [new Date("2031-02-03T04:15:06Z"), new Date("2031-02-03T04:45:06Z")];
    const short = await authority.intermediate({ name: "short", notBefore: begin, notAfter: end });
    const leaf = await short.certify(await csr(), { notBefore, notAfter });
    expect(certificateReader().read(leaf.chainPem, key)).toEqual({
      notBeforeMs: begin.getTime(),
      notAfterMs: end.getTime(),
    });
    const gone = await authority.intermediate({ name: "gone", notBefore: new Date(0), notAfter: new Date(1_000) });
    const orphan = await gone.certify(await csr(), { notBefore, notAfter });
    expect(() => certificateReader().read(orphan.chainPem, key)).toThrow("at no time valid as a whole");
  });

  it("takes a machine's own name, and no other or further one", async () => {
    const mine = "spiffe://builds.example/machine/m-1";
    const named = async (names: Parameters<CertificateAuthority["certify"]>[1]): Promise<string> =>
      (await authority.certify(await csr(), { notBefore, notAfter, ...names })).chainPem;
    certificateReader().read(await named({ uriSans: [mine] }), key, mine);
    for (const names of [
      { uriSans: ["spiffe://builds.example/machine/m-2"] },
      { uriSans: [mine, "spiffe://builds.example/machine/m-2"] },
      { uriSans: [mine], dnsSans: ["localhost"] },
      { dnsSans: [`URI:${mine}`] },
      {},
    ]) {
      const chain = await named(names);
      expect(() => certificateReader().read(chain, key, mine)).toThrow(`not for URI:${mine}`);
    }
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

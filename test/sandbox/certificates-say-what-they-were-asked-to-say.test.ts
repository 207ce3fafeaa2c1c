import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { CertificateAuthority, selfSigned } from "../../sandbox/pki/certificate-authority.ts";
import { SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { KeyPair } from "../../sandbox/pki/key-pair.ts";
import { makeSigningRequest, SigningRequestInvalid } from "../../sandbox/pki/signing-request.ts";

describe("a certificate of the sandbox", () => {
  it("carries every name, usage, date and serial that was asked for", async () => {
    const authority = await CertificateAuthority.create({ name: "test" });
    const issued = await authority.issue({
      name: "Leaf, with a comma",
      uriSans: ["spiffe://a.example/machine/1", "spiffe://a.example/machine/2"],
      dnsSans: ["one.example"],
      ipSans: ["127.0.0.1"],
      extendedKeyUsage: [SERVER_AUTH],
      notBefore: new Date("2031-02-03T04:05:06Z"),
      notAfter: new Date("2061-02-03T04:05:06Z"),
      serial: "1f2e3d",
    });
    const read = new X509Certificate(issued.certPem);
    expect(read.subject).toBe("CN=Leaf\\, with a comma");
    expect(read.subjectAltName?.split(", ")).toEqual([
      "URI:spiffe://a.example/machine/1",
      "URI:spiffe://a.example/machine/2",
      "DNS:one.example",
      "IP Address:127.0.0.1",
    ]);
    expect(read.keyUsage).toEqual([SERVER_AUTH]);
    expect(new Date(read.validFrom).toISOString()).toBe("2031-02-03T04:05:06.000Z");
    expect(new Date(read.validTo).toISOString()).toBe("2061-02-03T04:05:06.000Z");
    expect(read.serialNumber).toBe("1F2E3D");
    expect(issued.serial).toBe(read.serialNumber);
    expect(read.ca).toBe(false);
    expect(read.verify(new X509Certificate(authority.certPem).publicKey)).toBe(true);
  });

  it("brings its intermediates, and each is signed by the one above", async () => {
    const root = await CertificateAuthority.create({ name: "root" });
    const middle = await root.intermediate({ name: "middle" });
    const low = await middle.intermediate({ name: "low" });
    const leaf = await low.issue({});
    const chain =
      leaf.chainPem.match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g)?.map((pem) => new X509Certificate(pem)) ?? [];
    expect(chain.map((certificate) => certificate.issuer)).toEqual(["CN=low", "CN=middle", "CN=root"]);
    const above = [...chain.slice(1), new X509Certificate(root.certPem)];
    for (const [index, issuer] of above.entries()) {
      expect(chain[index]?.checkIssued(issuer)).toBe(true);
      expect(chain[index]?.verify(issuer.publicKey)).toBe(true);
      expect(issuer.ca).toBe(true);
    }
  });

  it("can be issued again and again for one key", async () => {
    const authority = await CertificateAuthority.create({ name: "test" });
    const key = await KeyPair.generate();
    const [one, two] = [await authority.issue({ key }), await authority.issue({ key })];
    expect(one.spkiSha256).toBe(key.spkiSha256);
    expect(two.spkiSha256).toBe(key.spkiSha256);
    expect(two.serial).not.toBe(one.serial);
  });

  it("can stand alone", async () => {
    const alone = new X509Certificate((await selfSigned({ name: "alone" })).certPem);
    expect(alone.verify(alone.publicKey)).toBe(true);
    expect(alone.issuer).toBe("CN=alone");
  });
});

describe("a certificate request", () => {
  it("is certified for the key that signed it, with the names that the authority chose", async () => {
    const authority = await CertificateAuthority.create({ name: "test" });
    const key = await KeyPair.generate();
    const csrDer = await makeSigningRequest(key, "I would like to be root");
    const certified = await authority.certify({ csrDer }, { name: "chosen" });
    expect(certified.spkiSha256).toBe(key.spkiSha256);
    expect(new X509Certificate(certified.certPem).subject).toBe("CN=chosen");
  });

  it.each([
    {
      what: "one whose signature is damaged",
      spoil: (der: Uint8Array) => der.with(der.length - 10, (der.at(-10) ?? 0) ^ 1),
    },
    { what: "one that is cut short", spoil: (der: Uint8Array) => der.slice(0, -20) },
    { what: "nothing at all", spoil: () => new Uint8Array() },
    { what: "noise", spoil: () => new Uint8Array(64).fill(7) },
  ])("is refused when it is $what", async ({ spoil }) => {
    const authority = await CertificateAuthority.create({ name: "test" });
    const csrDer = spoil(await makeSigningRequest(await KeyPair.generate(), "x"));
    await expect(authority.certify({ csrDer }, {})).rejects.toThrow(SigningRequestInvalid);
  });
});

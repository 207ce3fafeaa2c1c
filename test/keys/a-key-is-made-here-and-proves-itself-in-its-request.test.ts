import "reflect-metadata";
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { inspect } from "node:util";
import { Pkcs10CertificateRequest } from "@peculiar/x509";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyMaker } from "../../agent/adapters/keys/key-maker.ts";
import { readSigningRequest } from "../../sandbox/pki/signing-request.ts";

describe("a key", () => {
  it("is P-256, in PKCS#8, and its digest is that of its public key", async () => {
    const key = await keyMaker().make();
    const privateKey = createPrivateKey(key.pem.reveal());
    expect(privateKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
    expect(key.spkiSha256).toBe(createHash("sha256").update(spki).digest("hex"));
  });

  it("asks for a certificate with a request that is signed by itself", async () => {
    const key = await keyMaker().make();
    const request = await key.request('a, b+c=d "machine"');
    const { spkiDer } = await readSigningRequest(request.der);
    expect(createHash("sha256").update(spkiDer).digest("hex")).toBe(key.spkiSha256);
    expect(request.spkiSha256).toBe(key.spkiSha256);
  });

  it("asks under any name, of any length, in a request that a library reads back and finds well signed", async () => {
    const key = await keyMaker().make();
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, maxLength: 300, unit: "grapheme" }), async (commonName) => {
        const read = new Pkcs10CertificateRequest((await key.request(commonName)).der);
        expect(await read.verify()).toBe(true);
        expect(read.subjectName.getField("CN")).toEqual([commonName]);
        expect(read.attributes).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it("is another one each time", async () => {
    const [one, other] = await Promise.all([keyMaker().make(), keyMaker().make()]);
    expect(one.spkiSha256).not.toBe(other.spkiSha256);
  });

  it("does not print", async () => {
    const key = await keyMaker().make();
    const body = key.pem.reveal().split("\n")[1] ?? "missing";
    const printed = `${inspect(key, { depth: 9, showHidden: true })}${JSON.stringify(key)}${String(key.pem)}`;
    expect(printed).not.toContain(body);
  });
});

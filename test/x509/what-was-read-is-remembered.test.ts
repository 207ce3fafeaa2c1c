import { describe, expect, it } from "vitest";
import { nodePeerReader } from "../../agent/adapters/x509/peer-reader.ts";
import { Remembered } from "../../agent/adapters/x509/remembered.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";

const bytes = (...texts: readonly string[]): readonly Uint8Array[] => texts.map((text) => Buffer.from(text));

describe("what was made of some bytes", () => {
  it("is made once, as long as there are not too many others", () => {
    const remembered = new Remembered<number>(2);
    let made = 0;
    const make = (): number => (made += 1);
    expect([remembered.get(bytes("a"), make), remembered.get(bytes("a"), make)]).toEqual([1, 1]);
    remembered.get(bytes("b"), make);
    remembered.get(bytes("c"), make);
    expect(remembered.get(bytes("b"), make)).toBe(2);
    expect(remembered.get(bytes("a"), make)).toBe(4);
  });

  it("is of these bytes, in these parts", () => {
    const remembered = new Remembered<string>(10);
    for (const parts of [["ab", "c"], ["a", "bc"], ["abc"], []])
      expect(remembered.get(bytes(...parts), () => parts.join("|"))).toBe(parts.join("|"));
  });

  it("may be that there is nothing, and a failure is none", () => {
    const remembered = new Remembered<undefined>(10);
    let made = 0;
    const nothing = (): undefined => void (made += 1);
    remembered.get(bytes("a"), nothing);
    remembered.get(bytes("a"), nothing);
    expect(made).toBe(1);
    const fails = (): never => {
      throw new Error("unreadable");
    };
    expect(() => remembered.get(bytes("b"), fails)).toThrow("unreadable");
    expect(() => remembered.get(bytes("b"), fails)).toThrow("unreadable");
  });
});

it("a certificate leads to a CA only as long as that one is trusted, however often it was seen", async () => {
  const [trusted, other] = await Promise.all(["one", "another"].map((name) => CertificateAuthority.create({ name })));
  if (trusted === undefined || other === undefined) throw new Error("there are two CAs");
  const { certPem } = await trusted.issue({ uriSans: ["spiffe://builds.test/org/o/project/p/build/b"] });
  const leaf = Buffer.from(certPem.replace(/-----[^-]+-----|\s/g, ""), "base64");
  const peers = nodePeerReader();
  const [is, isNot] = [[peers.readCa(trusted.certPem)], [peers.readCa(other.certPem)]];
  for (let time = 0; time < 2; time += 1) {
    expect(peers.anchor([leaf], is)?.key).toBe(is[0]?.key);
    expect(peers.anchor([leaf], isNot)).toBeUndefined();
  }
});

import { afterAll, expect, it } from "vitest";
import { DAY_MS, NOW_MS } from "./authorities/clock.ts";
import type { Json } from "./authorities/issuer.ts";
import { tlv } from "./openssl/asn1.ts";
import { certify, type Holder } from "./openssl/authority.ts";
import { type Forgery, sharedReasons } from "./openssl/forgery.ts";
import { asAzure, assembled, cms, isGoodToOpenSsl, withAzuresDigest } from "./openssl/message.ts";
import { AUTHORITY, AZURE_NAME, LEAF, named, ROOT_KEY_ID, SERVER, Stage } from "./openssl/stage.ts";
import { documents } from "./platforms.ts";
import { anotherKey, type Machine, outcome, Scene } from "./scene.ts";

const stage = await Stage.open();
afterAll(() => stage[Symbol.asyncDispose]());
const { openssl, middle, signer, evil, keys } = stage;

/** What is sent, and for whom it was made. */
interface Sent {
  readonly pkcs7: Uint8Array;
  readonly intermediates?: readonly Holder[];
}

type Forge = (machine: Machine) => Promise<Sent>;

const content = (machine: Machine, changes: Json = {}) => JSON.stringify({ ...documents.azure(machine), ...changes });
/** Signed as Azure does, by somebody else; with the authorities above him. */
const by =
  (
    holder: () => Promise<Holder>,
    intermediates: readonly (() => Promise<Holder>)[] = [() => Promise.resolve(middle)],
  ): Forge =>
  async (machine) => ({
    pkcs7: await asAzure(openssl, content(machine), await holder()),
    intermediates: await Promise.all(intermediates.map((one) => one())),
  });
/** Signed by Azure, and not what it has to be. */
const saying =
  (changes: Json): Forge =>
  async (machine) => ({ pkcs7: await asAzure(openssl, content(machine, changes), signer) });
const once = (make: () => Promise<Holder>): (() => Promise<Holder>) => {
  let made: Promise<Holder> | undefined;
  return () => (made ??= make());
};
const below = (authority: () => Promise<Holder>) =>
  by(async () => stage.leaf(named(AZURE_NAME), { issuer: await authority() }), [authority]);

const PRETENDER = "/CN=Test Global Root";
const authorities = {
  leaf: once(() => stage.authority({ subject: "/CN=Test CA 03" }, [...LEAF])),
  deep: once(() => stage.authority({ subject: "/CN=Test CA 04", issuer: middle })),
  short: once(() => stage.authority({ subject: "/CN=Test CA 05", key: keys.short })),
  sha1: once(() => stage.authority({ subject: "/CN=Test CA 06", digest: "sha1" })),
  old: once(() => stage.authority({ subject: "/CN=Test CA 07", endMs: NOW_MS - DAY_MS })),
  mail: once(() => stage.authority({ subject: "/CN=Test CA 08" }, [...AUTHORITY, "extendedKeyUsage=emailProtection"])),
  narrow: once(() =>
    stage.authority({ subject: "/CN=Test CA 09" }, [
      ...AUTHORITY,
      "nameConstraints=critical,permitted;DNS:example.com",
    ]),
  ),
  barred: once(() =>
    stage.authority({ subject: "/CN=Test CA 10" }, [...AUTHORITY, "nameConstraints=critical,excluded;DNS:azure.com"]),
  ),
  silent: once(() => stage.authority({ subject: "/CN=Test CA 11" }, [AUTHORITY[0] ?? "", "keyUsage=critical,cRLSign"])),
  pretender: once(async () => {
    const { key } = evil;
    return certify(openssl, { subject: PRETENDER, key, extensions: [...AUTHORITY, ROOT_KEY_ID] });
  }),
};
const unreadable: () => Promise<Holder> = async () => {
  const authority = await stage.authority({ subject: "/CN=Test CA 12", key: keys.ec });
  // The curve's name in its key, made one that nobody knows.
  const curve = Buffer.from("2a8648ce3d030107", "hex");
  const der = Buffer.from(authority.der);
  der[der.indexOf(curve) + curve.length - 1] = 0x7f;
  return { ...authority, der };
};

const forgeries: readonly Forgery<Forge>[] = [
  {
    what: "signed by a forger who sends the genuine certificate first",
    forge: async (m) => ({
      pkcs7: await assembled(openssl, { content: Buffer.from(content(m)), signer: evil, bag: [signer, evil] }),
    }),
    code: "signer-untrusted",
    reason: 'The signer\'s chain does not end in a configured root: "CN=metadata.azure.com" is a root of its own.',
    goodTo: evil,
  },
  {
    what: "signed by a forger who sends the genuine certificate last",
    forge: async (m) => ({
      pkcs7: await assembled(openssl, { content: Buffer.from(content(m)), signer: evil, bag: [evil, signer] }),
    }),
    code: "signer-untrusted",
    reason: 'The signer\'s chain does not end in a configured root: "CN=metadata.azure.com" is a root of its own.',
    goodTo: evil,
  },
  {
    what: "signed by a forger in the name of the genuine certificate",
    forge: async (m) => ({
      pkcs7: await assembled(openssl, {
        content: Buffer.from(content(m)),
        signer: evil,
        namedAs: signer,
        bag: [signer, evil],
      }),
    }),
    code: "signature-invalid",
    reason: "The document names a certificate that came along, and its signature is another's.",
  },
  {
    what: "signed by a forger whose certificate is not in it",
    forge: async (m) => ({
      pkcs7: await assembled(openssl, { content: Buffer.from(content(m)), signer: evil, bag: [signer] }),
    }),
    code: "signature-invalid",
    reason: "The document's signer, serial number 666003, is not a certificate that came along.",
    goodTo: evil,
  },
  {
    what: "whose digest Azure's habit hides: SHA-1",
    forge: async (m) => ({ pkcs7: withAzuresDigest(await asAzure(openssl, content(m), signer, "sha1"), "sha1") }),
    code: "signature-invalid",
    reason: "The document names a certificate that came along, and its signature is another's.",
  },
  ...(
    [
      [`${AZURE_NAME}.evil.io`, named(`${AZURE_NAME}.evil.io`), '"metadata.azure.com.evil.io"'],
      [`evil${AZURE_NAME}`, named(`evil${AZURE_NAME}`), '"evilmetadata.azure.com"'],
      ["*.azure.com", named("*.azure.com"), '"*.azure.com"'],
      [`a.b.${AZURE_NAME}`, named(`a.b.${AZURE_NAME}`), '"a.b.metadata.azure.com"'],
      [`${AZURE_NAME}. with a dot behind it`, named(`${AZURE_NAME}.`), '"metadata.azure.com."'],
      ["METADATA.AZURE.COM", named(AZURE_NAME.toUpperCase()), '"METADATA.AZURE.COM"'],
      [`${AZURE_NAME} up to a zero`, withZero(`${AZURE_NAME}\0.evil.io`), '"metadata.azure.com\\u0000.evil.io"'],
      ["a look-alike in Punycode", named("xn--metadta-3fg.azure.com"), '"xn--metadta-3fg.azure.com"'],
      ["a URI", [...SERVER, `subjectAltName=URI:https://${AZURE_NAME}`], "no DNS name"],
      ["an address of mail", [...SERVER, `subjectAltName=email:root@${AZURE_NAME}`], "no DNS name"],
      ["its subject alone", SERVER, "no DNS name"],
    ] as const
  ).map(
    ([name, extensions, shown]): Forgery<Forge> => ({
      what: `signed by an honest certificate for ${name}`,
      forge: by(() => stage.leaf(extensions)),
      code: "signer-name",
      reason: `The signer's certificate is not for the metadata service: it has ${shown}.`,
      goodTo: signer,
    }),
  ),
  {
    what: "whose certificate has expired",
    forge: by(() => stage.leaf(named(AZURE_NAME), { endMs: NOW_MS - DAY_MS })),
    code: "signer-untrusted",
    reason: 'The certificate "CN=metadata.azure.com" expired at 2026-11-19T12:00:00.000Z.',
    goodTo: signer,
  },
  {
    what: "whose certificate is not valid yet",
    forge: by(() => stage.leaf(named(AZURE_NAME), { startMs: NOW_MS + DAY_MS })),
    code: "signer-untrusted",
    reason: 'The certificate "CN=metadata.azure.com" is valid from 2026-11-21T12:00:00.000Z.',
    goodTo: signer,
  },
  {
    what: "whose certificate is for mail",
    forge: by(() =>
      stage.leaf([
        ...named(AZURE_NAME).filter((line) => line !== "extendedKeyUsage=serverAuth"),
        "extendedKeyUsage=emailProtection",
      ]),
    ),
    code: "signer-untrusted",
    reason: 'The certificate "CN=metadata.azure.com" is for other purposes.',
    goodTo: signer,
  },
  {
    what: "whose certificate may encrypt, and not sign",
    forge: by(() => stage.leaf(["keyUsage=critical,keyEncipherment", `subjectAltName=DNS:${AZURE_NAME}`])),
    code: "signer-untrusted",
    reason: "The signer's certificate is not for signatures.",
    goodTo: signer,
  },
  {
    what: "whose certificate has a condition that nobody knows",
    forge: by(() => stage.leaf([...named(AZURE_NAME), "1.2.3.4.5=critical,DER:0500"])),
    code: "signer-untrusted",
    reason: 'The certificate "CN=metadata.azure.com" has a condition, 1.2.3.4.5.',
    goodTo: signer,
  },
  {
    what: "whose certificate has a key of 1024 bits",
    forge: by(() => stage.leaf(named(AZURE_NAME), { key: keys.short })),
    code: "key-weak",
    reason: 'The key of "CN=metadata.azure.com" has 1024 bits.',
    goodTo: signer,
  },
  {
    what: "whose certificate is signed with SHA-1",
    forge: by(() => stage.leaf(named(AZURE_NAME), { digest: "sha1" })),
    code: "algorithm-not-allowed",
    reason: 'The certificate "CN=metadata.azure.com" is signed with 1.2.840.10045.4.1.',
    goodTo: signer,
  },
  {
    what: "whose certificate is on a curve, where RSA signs",
    forge: by(() => stage.leaf(named(AZURE_NAME), { key: keys.ec })),
    code: "algorithm-not-allowed",
    reason: "The document's signature is 1.2.840.10045.4.3.2.",
    goodTo: signer,
  },
  {
    what: "whose certificate is certified by another signer",
    forge: by(
      () => stage.leaf(named(AZURE_NAME), { issuer: signer, subject: "/CN=metadata.azure.com 2" }),
      [() => Promise.resolve(signer), () => Promise.resolve(middle)],
    ),
    code: "signer-untrusted",
    reason: 'The signer\'s chain does not end in a configured root: "CN=metadata.azure.com" is no authority.',
    goodTo: signer,
  },
  {
    what: "without the authority between",
    forge: by(() => Promise.resolve(signer), []),
    code: "signer-untrusted",
    reason: 'The signer\'s chain does not end in a configured root: "CN=Test RSA CA 01" is not here.',
    goodTo: signer,
  },
  {
    what: "of an authority that is none",
    forge: below(authorities.leaf),
    code: "signer-untrusted",
    reason: 'The signer\'s chain does not end in a configured root: "CN=Test CA 03" is no authority.',
    goodTo: signer,
  },
  {
    what: "of an authority below one that may have none",
    forge: by(
      async () => stage.leaf(named(AZURE_NAME), { issuer: await authorities.deep() }),
      [authorities.deep, () => Promise.resolve(middle)],
    ),
    code: "signer-untrusted",
    reason: "The signer's chain is longer than one of its authorities allows.",
    goodTo: signer,
  },
  {
    what: "of an authority with a key of 1024 bits",
    forge: below(authorities.short),
    code: "key-weak",
    reason: 'The key of "CN=Test CA 05" has 1024 bits.',
    goodTo: signer,
  },
  {
    what: "of an authority whose key cannot be read",
    forge: by(async () => stage.leaf(named(AZURE_NAME), { issuer: await unreadable() }), [unreadable]),
    code: "malformed",
    reason: "A certificate cannot be read.",
    goodTo: signer,
  },
  {
    what: "of an authority that is signed with SHA-1",
    forge: below(authorities.sha1),
    code: "algorithm-not-allowed",
    reason: 'The certificate "CN=Test CA 06" is signed with 1.2.840.10045.4.1.',
    goodTo: signer,
  },
  {
    what: "of an authority that has expired",
    forge: below(authorities.old),
    code: "signer-untrusted",
    reason: 'The certificate "CN=Test CA 07" expired at 2026-11-19T12:00:00.000Z.',
    goodTo: signer,
  },
  {
    what: "of an authority for mail",
    forge: below(authorities.mail),
    code: "signer-untrusted",
    reason: 'The certificate "CN=Test CA 08" is for other purposes.',
    goodTo: signer,
  },
  {
    what: "of an authority for other names",
    forge: below(authorities.narrow),
    code: "signer-untrusted",
    reason: 'The signer\'s chain is not valid: Failed to meet "permitted sub-trees" name constraint',
    goodTo: signer,
  },
  {
    what: "of an authority for all but its names",
    forge: below(authorities.barred),
    code: "signer-untrusted",
    reason: 'The signer\'s chain is not valid: Failed to meet "excluded sub-trees" name constraint',
    goodTo: signer,
  },
  {
    what: "of an authority that may not certify",
    forge: below(authorities.silent),
    code: "signer-untrusted",
    reason: 'The signer\'s chain does not end in a configured root: "CN=Test CA 11" is no authority.',
    goodTo: signer,
  },
  {
    what: "of a root with the genuine one's name and key id",
    forge: below(authorities.pretender),
    code: "signer-untrusted",
    reason: 'The signer\'s chain does not end in a configured root: "CN=Test Global Root" is a root of its own.',
    goodTo: signer,
  },
  {
    what: "of a certificate that signs itself",
    forge: by(() => Promise.resolve(evil)),
    code: "signer-untrusted",
    reason: 'The signer\'s chain does not end in a configured root: "CN=metadata.azure.com" is a root of its own.',
    goodTo: signer,
  },
  {
    what: "for an earlier challenge",
    forge: async (m) => ({
      pkcs7: await asAzure(openssl, content({ ...m, nonce: new Uint8Array(32).fill(1) }), signer),
    }),
    code: "binding-mismatch",
    reason: "The document is bound to another challenge, or to another key.",
    goodTo: signer,
  },
  {
    what: "for another key",
    forge: async (m) => ({ pkcs7: await asAzure(openssl, content({ ...m, ...(await anotherKey()) }), signer) }),
    code: "binding-mismatch",
    reason: "The document is bound to another challenge, or to another key.",
    goodTo: signer,
  },
  {
    what: "that has expired",
    forge: async (m) => ({
      pkcs7: await asAzure(openssl, JSON.stringify(documents.azure(m, NOW_MS - DAY_MS)), signer),
    }),
    code: "expired",
    reason: "The document has expired.",
    goodTo: signer,
  },
  {
    what: "of tomorrow",
    forge: async (m) => ({
      pkcs7: await asAzure(openssl, JSON.stringify(documents.azure(m, NOW_MS + DAY_MS)), signer),
    }),
    code: "not-yet-valid",
    reason: "The document is from the future.",
    goodTo: signer,
  },
  {
    what: "of another subscription",
    forge: saying({ subscriptionId: "00000000-0000-4000-8000-000000000000" }),
    code: "not-allowed",
    reason: 'The subscription "00000000-0000-4000-8000-000000000000" is not among those that are allowed.',
    goodTo: signer,
  },
  {
    what: "of no subscription",
    forge: saying({ subscriptionId: undefined }),
    code: "malformed",
    reason: '"subscriptionId" is missing, or is not what such a name looks like.',
    goodTo: signer,
  },
  {
    what: "of two VMs",
    forge: saying({ vmId: [vm(1), vm(2)] }),
    code: "malformed",
    reason: '"vmId" is missing, or is not what such a name looks like.',
    goodTo: signer,
  },
  {
    what: "with its VM twice",
    forge: async (m) => ({ pkcs7: await asAzure(openssl, content(m).replace("{", `{"vmId":"${vm(1)}",`), signer) }),
    code: "duplicate-key",
    reason: 'The attested document has "vmId" twice in one object.',
    goodTo: signer,
  },
  {
    what: "with its time twice, the second time inside of it",
    forge: async (m) => ({
      pkcs7: await asAzure(
        openssl,
        content(m).replace('"createdOn"', '"expiresOn":"01/01/99 00:00:00 -0000","createdOn"'),
        signer,
      ),
    }),
    code: "duplicate-key",
    reason: 'The attested document has "expiresOn" twice in one object.',
    goodTo: signer,
  },
  {
    what: "whose time is in another zone",
    forge: saying({ timeStamp: { createdOn: "11/20/26 12:00:00 -0800", expiresOn: "11/20/26 12:00:00 -0800" } }),
    code: "malformed",
    reason: '"expiresOn" is missing, or is not what such a name looks like.',
    goodTo: signer,
  },
];

it("takes what the same maker signs honestly, as Azure does and otherwise", async () => {
  const regional = await stage.leaf(named(`westeurope.${AZURE_NAME}`));
  const ways: readonly Forge[] = [
    async (m) => ({ pkcs7: withAzuresDigest(await asAzure(openssl, content(m), signer)) }),
    async (m) => ({ pkcs7: await cms(openssl, content(m), signer, { md: "sha512" }) }),
    by(() => Promise.resolve(regional)),
    by(() => stage.leaf(named(`*.${AZURE_NAME}`))),
    async (m) => ({
      pkcs7: await assembled(openssl, { content: Buffer.from(content(m)), signer, bag: [evil, middle, signer] }),
      intermediates: [evil, middle],
    }),
  ];
  for (const way of ways) expect(outcome(await verdictOf(way))).toBe("verified");
});

it.each(forgeries)("refuses an attested document $what: $code", async ({ forge, code, reason, goodTo }) => {
  const sent: Sent[] = [];
  const verdict = await verdictOf(async (machine) => {
    sent.push(await forge(machine));
    return sent[0] ?? never();
  });
  expect(verdict).toMatchObject({ verdict: "refused", code, reason });
  // What openssl itself finds good is refused for what it is, not for how it is written.
  const { pkcs7 } = sent[0] ?? never();
  expect(await isGoodToOpenSsl(openssl, pkcs7, goodTo ?? signer)).toBe(goodTo !== undefined);
});

it("tells each forgery from the others in the audit log", () => {
  expect(sharedReasons(forgeries)).toEqual([
    [
      "signed by a forger who sends the genuine certificate first",
      "signed by a forger who sends the genuine certificate last",
      "of a certificate that signs itself",
    ],
    ["signed by a forger in the name of the genuine certificate", "whose digest Azure's habit hides: SHA-1"],
    [
      "signed by an honest certificate for a URI",
      "signed by an honest certificate for an address of mail",
      "signed by an honest certificate for its subject alone",
    ],
    // One digest binds both.
    ["for an earlier challenge", "for another key"],
  ]);
});

function verdictOf(forge: Forge) {
  return new Scene(stage.accept).register(async (machine) => {
    const { pkcs7, intermediates = [middle] } = await forge(machine);
    return { kind: "azure", pkcs7, intermediates: intermediates.map(({ der }) => der) };
  });
}

function never(): never {
  throw new Error("nothing was sent");
}

/** A DNS name is [2]; openssl itself writes none with a zero. */
function withZero(name: string): readonly string[] {
  const names = tlv(0x30, tlv(0x82, Buffer.from(name)));
  return [...SERVER, `subjectAltName=DER:${names.toString("hex")}`];
}

function vm(number: number): string {
  return `5c98a77e-6b3a-4e0a-9d7f-${String(number).padStart(12, "0")}`;
}

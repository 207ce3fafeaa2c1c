import { DAY_MS, NOW_MS } from "../../authorities/clock.ts";
import { certify, type Holder } from "../authority.ts";
import { AUTHORITY, AZURE_NAME, LEAF, named, ROOT_KEY_ID, type Stage } from "../stage.ts";
import { type AttestedForgery, below, by } from "./document.ts";

/** Of a chain that is none. */
export function authorities(stage: Stage): readonly AttestedForgery[] {
  const { openssl, middle, signer, evil, keys } = stage;
  const authorities = {
    leaf: once(() => stage.authority({ subject: "/CN=Test CA 03" }, [...LEAF])),
    deep: once(() => stage.authority({ subject: "/CN=Test CA 04", issuer: middle })),
    short: once(() => stage.authority({ subject: "/CN=Test CA 05", key: keys.short })),
    sha1: once(() => stage.authority({ subject: "/CN=Test CA 06", digest: "sha1" })),
    old: once(() => stage.authority({ subject: "/CN=Test CA 07", endMs: NOW_MS - DAY_MS })),
    mail: once(() =>
      stage.authority({ subject: "/CN=Test CA 08" }, [...AUTHORITY, "extendedKeyUsage=emailProtection"]),
    ),
    narrow: once(() =>
      stage.authority({ subject: "/CN=Test CA 09" }, [
        ...AUTHORITY,
        "nameConstraints=critical,permitted;DNS:example.com",
      ]),
    ),
    barred: once(() =>
      stage.authority({ subject: "/CN=Test CA 10" }, [...AUTHORITY, "nameConstraints=critical,excluded;DNS:azure.com"]),
    ),
    silent: once(() =>
      stage.authority({ subject: "/CN=Test CA 11" }, [AUTHORITY[0] ?? "", "keyUsage=critical,cRLSign"]),
    ),
    pretender: once(async () => {
      const { key } = evil;
      return certify(openssl, { subject: "/CN=Test Global Root", key, extensions: [...AUTHORITY, ROOT_KEY_ID] });
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

  return [
    {
      what: "whose certificate is certified by another signer",
      forge: by(stage, () => stage.leaf(named(AZURE_NAME), { issuer: signer, subject: "/CN=metadata.azure.com 2" }), [
        () => Promise.resolve(signer),
        () => Promise.resolve(middle),
      ]),
      code: "signer-untrusted",
      reason: 'The signer\'s chain does not end in a configured root: "CN=metadata.azure.com" is no authority.',
      goodTo: signer,
    },
    {
      what: "without the authority between",
      forge: by(stage, () => Promise.resolve(signer), []),
      code: "signer-untrusted",
      reason: 'The signer\'s chain does not end in a configured root: "CN=Test RSA CA 01" is not here.',
      goodTo: signer,
    },
    {
      what: "of an authority that is none",
      forge: below(stage, authorities.leaf),
      code: "signer-untrusted",
      reason: 'The signer\'s chain does not end in a configured root: "CN=Test CA 03" is no authority.',
      goodTo: signer,
    },
    {
      what: "of an authority below one that may have none",
      forge: by(stage, async () => stage.leaf(named(AZURE_NAME), { issuer: await authorities.deep() }), [
        authorities.deep,
        () => Promise.resolve(middle),
      ]),
      code: "signer-untrusted",
      reason: "The signer's chain is longer than one of its authorities allows.",
      goodTo: signer,
    },
    {
      what: "of an authority with a key of 1024 bits",
      forge: below(stage, authorities.short),
      code: "key-weak",
      reason: 'The key of "CN=Test CA 05" has 1024 bits.',
      goodTo: signer,
    },
    {
      what: "of an authority whose key cannot be read",
      forge: by(stage, async () => stage.leaf(named(AZURE_NAME), { issuer: await unreadable() }), [unreadable]),
      code: "malformed",
      reason: "A certificate cannot be read.",
      goodTo: signer,
    },
    {
      what: "of an authority that is signed with SHA-1",
      forge: below(stage, authorities.sha1),
      code: "algorithm-not-allowed",
      reason: 'The certificate "CN=Test CA 06" is signed with 1.2.840.10045.4.1.',
      goodTo: signer,
    },
    {
      what: "of an authority that has expired",
      forge: below(stage, authorities.old),
      code: "signer-untrusted",
      reason: 'The certificate "CN=Test CA 07" expired at 2026-11-19T12:00:00.000Z.',
      goodTo: signer,
    },
    {
      what: "of an authority for mail",
      forge: below(stage, authorities.mail),
      code: "signer-untrusted",
      reason: 'The certificate "CN=Test CA 08" is for other purposes.',
      goodTo: signer,
    },
    {
      what: "of an authority for other names",
      forge: below(stage, authorities.narrow),
      code: "signer-untrusted",
      reason: 'The signer\'s chain is not valid: Failed to meet "permitted sub-trees" name constraint',
      goodTo: signer,
    },
    {
      what: "of an authority for all but its names",
      forge: below(stage, authorities.barred),
      code: "signer-untrusted",
      reason: 'The signer\'s chain is not valid: Failed to meet "excluded sub-trees" name constraint',
      goodTo: signer,
    },
    {
      what: "of an authority that may not certify",
      forge: below(stage, authorities.silent),
      code: "signer-untrusted",
      reason: 'The signer\'s chain does not end in a configured root: "CN=Test CA 11" is no authority.',
      goodTo: signer,
    },
    {
      what: "of a root with the genuine one's name and key id",
      forge: below(stage, authorities.pretender),
      code: "signer-untrusted",
      reason: 'The signer\'s chain does not end in a configured root: "CN=Test Global Root" is a root of its own.',
      goodTo: signer,
    },
    {
      what: "of a certificate that signs itself",
      forge: by(stage, () => Promise.resolve(evil)),
      code: "signer-untrusted",
      reason: 'The signer\'s chain does not end in a configured root: "CN=metadata.azure.com" is a root of its own.',
      goodTo: signer,
    },
  ];
}

/** Made when it is first needed, and once: a row certifies with it, and sends it. */
function once(make: () => Promise<Holder>): () => Promise<Holder> {
  let made: Promise<Holder> | undefined;
  return () => (made ??= make());
}

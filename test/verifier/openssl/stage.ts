import type { Policies } from "../../../verifier/src/index.ts";
import { ACCOUNT, REGION, SUBSCRIPTION } from "../platforms.ts";
import { certify, type Holder, type KINDS, makeKey, type Wishes } from "./authority.ts";
import { OpenSsl } from "./openssl.ts";

export const AZURE_NAME = "metadata.azure.com";
const CA = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];
const LEAF = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature,keyEncipherment"];
/** What certificates of web servers have, as the metadata service's is one. */
export const SERVER = [...LEAF, "extendedKeyUsage=serverAuth"];
export const named = (dns: string) => [...SERVER, `subjectAltName=DNS:${dns}`];
const ROOT_KEY_ID = "subjectKeyIdentifier=00112233445566778899aabbccddeeff00112233";

/** Honest authorities, and a forger with keys of his own, all made by openssl. */
export class Stage implements AsyncDisposable {
  readonly openssl: OpenSsl;
  readonly keys: Readonly<Record<"evil" | "short" | "ec", string>>;
  readonly regional: Holder;
  readonly otherRegional: Holder;
  readonly root: Holder;
  readonly middle: Holder;
  readonly signer: Holder;
  /** The forger's, signed by himself, with the name of what he poses as. */
  readonly evil: Holder;
  readonly evilRegional: Holder;

  private constructor(parts: Omit<Stage, "accept" | "leaf" | "authority" | typeof Symbol.asyncDispose>) {
    ({ openssl: this.openssl, keys: this.keys, regional: this.regional, otherRegional: this.otherRegional } = parts);
    ({ root: this.root, middle: this.middle, signer: this.signer } = parts);
    ({ evil: this.evil, evilRegional: this.evilRegional } = parts);
  }

  static async open(): Promise<Stage> {
    const openssl = await OpenSsl.open();
    const key = (kind: keyof typeof KINDS) => makeKey(openssl, kind);
    const [evil, short, ec] = await Promise.all([key("rsa2048"), key("rsa1024"), key("p256")]);
    const [regionalKey, otherKey, signerKey] = await Promise.all([key("rsa2048"), key("rsa2048"), key("rsa2048")]);
    const [rootKey, middleKey] = await Promise.all([key("p384"), key("p384")]);
    const regional = { subject: "/O=Amazon Web Services LLC", extensions: ["subjectKeyIdentifier=hash"] };
    const root = await certify(openssl, {
      subject: "/CN=Test Global Root",
      key: rootKey,
      extensions: [...CA, ROOT_KEY_ID],
    });
    const middle = await certify(openssl, {
      subject: "/CN=Test RSA CA 01",
      key: middleKey,
      issuer: root,
      extensions: ["basicConstraints=critical,CA:TRUE,pathlen:0", CA[1] ?? "", "authorityKeyIdentifier=keyid"],
    });
    const subject = `/CN=${AZURE_NAME}`;
    return new Stage({
      openssl,
      keys: { evil, short, ec },
      regional: await certify(openssl, { ...regional, key: regionalKey, serial: "1001" }),
      otherRegional: await certify(openssl, { ...regional, key: otherKey, serial: "2001" }),
      evilRegional: await certify(openssl, { ...regional, key: evil, serial: "666001" }),
      root,
      middle,
      signer: await certify(openssl, { subject, key: signerKey, issuer: middle, extensions: named(AZURE_NAME) }),
      evil: await certify(openssl, { subject, key: evil, extensions: named(AZURE_NAME), serial: "666003" }),
    });
  }

  /** What a forger can have: a certificate of an honest authority, for a key of his own. */
  leaf(extensions: readonly string[], changes: Partial<Wishes> = {}): Promise<Holder> {
    const wishes = { subject: `/CN=${AZURE_NAME}`, key: this.keys.evil, issuer: this.middle, extensions, ...changes };
    return certify(this.openssl, wishes);
  }

  /** An authority below the root, or below nobody. */
  authority(changes: Partial<Wishes> = {}, extensions: readonly string[] = CA): Promise<Holder> {
    const wishes = { subject: "/CN=Test CA 02", key: this.keys.evil, issuer: this.root, extensions, ...changes };
    return certify(this.openssl, wishes);
  }

  get accept(): Policies {
    return {
      "aws-instance-identity": {
        accounts: [ACCOUNT],
        certificates: { [REGION]: [this.regional.pem], "us-east-1": [this.otherRegional.pem] },
        isRunning: () => Promise.resolve(true),
        knownKey: () => Promise.resolve(undefined),
      },
      azure: { roots: [this.root.pem], subscriptions: [SUBSCRIPTION], signer: AZURE_NAME },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.openssl[Symbol.asyncDispose]();
  }
}

export { CA as AUTHORITY, LEAF, ROOT_KEY_ID };

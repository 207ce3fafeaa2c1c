import * as fc from "fast-check";
import { CertificateAuthority, type CertificateWithKey, selfSigned } from "../../sandbox/pki/certificate-authority.ts";
import { CLIENT_AUTH, SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { KeyPair } from "../../sandbox/pki/key-pair.ts";
import { HOUR_MS, TRUST_DOMAIN, uriOf } from "./rig.ts";

const ANY_PURPOSE = "2.5.29.37.0";
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";

/** Who may sign, and whether our CA stands behind it with nothing amiss on the way. */
const ISSUERS = {
  ca: true,
  intermediate: true,
  "intermediate-of-intermediate": true,
  "intermediate-not-sent": false,
  "expired-intermediate": false,
  "beyond-the-path-length": false,
  "leaf-as-issuer": false,
  stranger: false,
  "stranger-with-our-name": false,
  itself: false,
} as const;
export type IssuerName = keyof typeof ISSUERS;

/**
 * Builds that a certificate may name; the test grants them, or not. `pinned` wants the first key.
 */
const BUILDS = ["open", "pinned", "other", "ended", "lapsed", "unknown"] as const;

/** One certificate, by what it says. Dates are far enough from now for a slow machine. */
export interface Recipe {
  readonly issuer: IssuerName;
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  readonly extendedKeyUsage: readonly string[];
  readonly isCa: boolean;
  readonly fromMs: number;
  readonly toMs: number;
  readonly key: number;
}

/**
 * The oracle: what the promise says, from what we put into the certificate, without reading it
 * back.
 */
export function mayEnter(recipe: Recipe): boolean {
  const [uri, ...more] = recipe.uriSans;
  return (
    ISSUERS[recipe.issuer] &&
    !recipe.isCa &&
    recipe.extendedKeyUsage.includes(CLIENT_AUTH) &&
    recipe.fromMs <= 0 &&
    recipe.toMs > 0 &&
    more.length === 0 &&
    (uri === uriOf("open") || uri === uriOf("other") || (uri === uriOf("pinned") && recipe.key === 0))
  );
}

const goodUri = fc.constantFrom(uriOf("open"), uriOf("other"));

/** What somebody who may not come in could try to have signed. */
const uri = fc.oneof(
  goodUri,
  fc.constantFrom(...BUILDS).map((buildId) => uriOf(buildId)),
  fc.constantFrom(
    uriOf("open", { org: "evil" }),
    uriOf("open", { project: "evil" }),
    uriOf("open", { domain: "evil.test" }),
    uriOf("open", { domain: `${TRUST_DOMAIN}.evil.test` }),
    uriOf("OPEN"),
    uriOf("open").toUpperCase(),
    `${uriOf("open")}/`,
    `${uriOf("open")}?`,
    `${uriOf("open")}#`,
    ` ${uriOf("open")}`,
    `${uriOf("open")} `,
    `${uriOf("open")}\n`,
    `${uriOf("open")}\0`,
    `${uriOf("open")}\0.evil.test`,
    uriOf("op%65n"),
    uriOf("./open"),
    uriOf("x/../open"),
    uriOf("open").replace("//", "///"),
    uriOf("open").replace("spiffe", "https"),
    uriOf("open").replace("/build/", "/builds/"),
    uriOf("open").replace(TRUST_DOMAIN, `user@${TRUST_DOMAIN}`),
    uriOf("open").replace(TRUST_DOMAIN, `${TRUST_DOMAIN}:443`),
    `"${uriOf("open")}"`,
    `x, URI:${uriOf("open")}`,
    `x,URI:${uriOf("open")}`,
    `x", URI:${uriOf("open")}`,
    `x\\", URI:${uriOf("open")}`,
    `x\nURI:${uriOf("open")}`,
    "",
  ),
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc
    .tuple(goodUri, fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 3 }))
    .map(([good, more]) => good + more),
);
const dns = fc.oneof(
  fc.constantFrom("laptop.test", `URI:${uriOf("open")}`, `x, URI:${uriOf("open")}`, `x", URI:${uriOf("open")}, DNS:"y`),
  fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 20 }),
);

const GOOD: { readonly [K in keyof Recipe]: fc.Arbitrary<Recipe[K]> } = {
  issuer: fc.constantFrom("ca", "intermediate", "intermediate-of-intermediate"),
  uriSans: goodUri.map((good) => [good]),
  dnsSans: fc.constantFrom([], ["laptop.test"]),
  extendedKeyUsage: fc.constantFrom([CLIENT_AUTH], [CLIENT_AUTH, SERVER_AUTH]),
  isCa: fc.constant(false),
  fromMs: fc.integer({ min: -30 * 24 * HOUR_MS, max: -120_000 }),
  toMs: fc.integer({ min: HOUR_MS / 2, max: 900 * 24 * HOUR_MS }),
  key: fc.nat({ max: 3 }),
};

const WILD: typeof GOOD = {
  issuer: fc.constantFrom(...(Object.keys(ISSUERS) as IssuerName[])),
  uriSans: fc.array(uri, { maxLength: 3 }),
  dnsSans: fc.array(dns, { maxLength: 2 }),
  extendedKeyUsage: fc.subarray([CLIENT_AUTH, SERVER_AUTH, ANY_PURPOSE, CODE_SIGNING]),
  isCa: fc.boolean(),
  fromMs: fc.oneof(GOOD.fromMs, fc.integer({ min: HOUR_MS / 2, max: 24 * HOUR_MS })),
  toMs: fc.oneof(GOOD.toMs, fc.integer({ min: -24 * HOUR_MS, max: -60_000 })),
  key: fc.nat({ max: 3 }),
};

/** Whole ones, ones with a single flaw (the sharpest), and wild ones. */
export const recipe: fc.Arbitrary<Recipe> = fc.oneof(
  { weight: 2, arbitrary: fc.record(GOOD) },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom(...(Object.keys(GOOD) as (keyof Recipe)[]))
      .chain((flawed) => fc.record({ ...GOOD, [flawed]: WILD[flawed] })),
  },
  { weight: 1, arbitrary: fc.record(WILD) },
);

/** Every issuer that a recipe may name, and the keys. */
export class Foundry {
  readonly keys: readonly KeyPair[];
  readonly #issuers: Readonly<Record<Exclude<IssuerName, "itself">, CertificateAuthority>>;

  private constructor(
    keys: readonly KeyPair[],
    issuers: Readonly<Record<Exclude<IssuerName, "itself">, CertificateAuthority>>,
  ) {
    this.keys = keys;
    this.#issuers = issuers;
  }

  static async open(ca: CertificateAuthority): Promise<Foundry> {
    const intermediate = await ca.intermediate({ name: "intermediate" });
    const bounded = await ca.intermediate({ name: "bounded", pathLength: 0 });
    const leafKey = await KeyPair.generate();
    const leaf = await ca.issue({ name: "leaf", key: leafKey, uriSans: [uriOf("open")] });
    return new Foundry(await Promise.all(Array.from({ length: 4 }, () => KeyPair.generate())), {
      ca,
      intermediate,
      "intermediate-of-intermediate": await intermediate.intermediate({ name: "second" }),
      "intermediate-not-sent": intermediate,
      "expired-intermediate": await ca.intermediate({
        name: "expired",
        notBefore: new Date(Date.now() - HOUR_MS),
        notAfter: new Date(Date.now() - 60_000),
      }),
      "beyond-the-path-length": await bounded.intermediate({ name: "too deep" }),
      "leaf-as-issuer": await issuerOf(leaf, leafKey),
      stranger: await CertificateAuthority.create({ name: "stranger" }),
      "stranger-with-our-name": await CertificateAuthority.create({ name: "build CA" }),
    });
  }

  async cast(recipe: Recipe): Promise<{ readonly chainPem: string; readonly keyPem: string }> {
    const profile = {
      ...recipe,
      name: "client",
      notBefore: new Date(Date.now() + recipe.fromMs),
      notAfter: new Date(Date.now() + recipe.toMs),
      key: this.keys[recipe.key] ?? (await KeyPair.generate()),
    };
    if (recipe.issuer === "itself") return selfSigned(profile);
    const issued = await this.#issuers[recipe.issuer].issue(profile);
    return recipe.issuer === "intermediate-not-sent" ? { ...issued, chainPem: issued.certPem } : issued;
  }
}

/** Signs with a key whose certificate is no CA's: a build that makes itself a CA. */
async function issuerOf(leaf: CertificateWithKey, key: KeyPair): Promise<CertificateAuthority> {
  const pretender = await CertificateAuthority.create({ name: "leaf", key });
  const issue = pretender.issue.bind(pretender);
  pretender.issue = async (profile) => {
    const issued = await issue(profile);
    return { ...issued, chainPem: issued.certPem + leaf.certPem };
  };
  return pretender;
}

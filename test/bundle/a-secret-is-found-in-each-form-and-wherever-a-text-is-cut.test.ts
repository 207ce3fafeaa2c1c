import { randomBytes } from "node:crypto";
import { array, assert, nat, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { Cleaner, type Withheld } from "../../agent/adapters/bundle/cleaner.ts";
import { digestsOf } from "../../agent/adapters/bundle/secret-digests.ts";
import { SecretSearch } from "../../agent/adapters/bundle/secret-search.ts";

const TAKEN_OUT = "[redacted: value]";

function searchFor(...secrets: readonly (string | Uint8Array)[]): SecretSearch {
  const key = randomBytes(32);
  return new SecretSearch([{ key, digests: secrets.flatMap((secret) => digestsOf(secret, key)) }]);
}

function cleaned(search: SecretSearch, pieces: readonly Buffer[], withheld: Withheld = new Map()): string {
  const cleaner = new Cleaner(search, withheld);
  return Buffer.concat([...pieces.flatMap((piece) => cleaner.push(piece)), cleaner.end()]).toString("latin1");
}

const json = (text: string): string => JSON.stringify(text).slice(1, -1);
const percent = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");

/** Each is written by something else than what searches for it. */
const FORMS: readonly (readonly [string, (secret: string) => string])[] = [
  ["as it is", (secret) => secret],
  ["in JSON", json],
  ["in JSON in JSON", (secret) => json(json(secret))],
  ["in JSON in JSON in JSON", (secret) => json(json(json(secret)))],
  ["in a URL", (secret) => encodeURIComponent(secret)],
  ["in a form", (secret) => new URLSearchParams({ s: secret }).toString().slice(2)],
  ["percent-encoded, each byte", percent],
  ["percent-encoded, each byte, in capitals", (secret) => percent(secret).toUpperCase()],
  ["in hex", (secret) => Buffer.from(secret).toString("hex")],
  ["in hex, in capitals", (secret) => Buffer.from(secret).toString("hex").toUpperCase()],
  ["in base64", (secret) => Buffer.from(secret).toString("base64")],
  ["in base64url", (secret) => Buffer.from(secret).toString("base64url")],
  [
    "in HTML",
    (secret) =>
      secret
        .replaceAll("&", "&amp;")
        .replaceAll("<", "&lt;")
        .replaceAll(">", "&gt;")
        .replaceAll('"', "&quot;")
        .replaceAll("'", "&#39;"),
  ],
];

const SECRETS: readonly string[] = [
  "hunter2-hunter3",
  'with "quotes", \\ and / & <tags> + = %',
  "Grüße aus Köln, ключ",
  randomBytes(200).toString("base64"),
];

describe.each(FORMS)("a secret %s", (_, form) => {
  it.each(SECRETS)("is taken out: %s", (secret) => {
    const withheld: Withheld = new Map();
    const text = Buffer.from(`before ~${form(secret)}~ after`);
    const clean = cleaned(searchFor(secret), [text], withheld);
    // The ends of a base64 text, which hold no whole byte of it, may stay.
    expect(clean).toMatch(/^before ~.{0,2}\[redacted: value\]={0,2}.{0,2}={0,2}~ after$/);
    expect([...withheld]).toEqual([["value", 1]]);
  });
});

it("is found in base64 of something longer, whatever stands around it", () => {
  const secret = randomBytes(18).toString("hex");
  for (const user of ["", "a", "ab", "abc", "abcd"]) {
    const whole = Buffer.from(`${user}${secret}:and more`).toString("base64");
    const clean = cleaned(searchFor(secret), [Buffer.from(`x ${whole} x`)]);
    expect(clean).toContain(TAKEN_OUT);
    expect(Buffer.from(clean.replaceAll(/^x |\[.*?\]| x$/g, ""), "base64").toString("latin1")).not.toContain(
      secret.slice(2, -2),
    );
  }
});

it("a key is found line by line, also indented, and its frame stays", () => {
  const lines = [
    randomBytes(48).toString("base64"),
    randomBytes(48).toString("base64"),
    randomBytes(9).toString("base64"),
  ];
  const pem = ["-----BEGIN THING-----", ...lines, "-----END THING-----", ""].join("\n");
  const clean = cleaned(searchFor(pem), [Buffer.from(`key: |\n    ${pem.replaceAll("\n", "\n    ")}`)]);
  for (const line of lines) expect(clean).not.toContain(line.slice(4, -4));
  expect(clean).toContain("-----BEGIN THING-----");
});

it("a part of a long secret is found", () => {
  const secret = randomBytes(150).toString("hex");
  const clean = cleaned(searchFor(secret), [Buffer.from(`cut off: ${secret.slice(0, 170)}…`)]);
  expect(clean).toContain(TAKEN_OUT);
  expect(clean).not.toContain(secret.slice(0, 48));
});

it("a key that is no text is found in base64 and in hex", () => {
  const secret = randomBytes(64);
  const text = `${secret.toString("base64")} ${secret.toString("hex")}`;
  const clean = cleaned(searchFor(secret), [Buffer.from(text)]);
  expect(clean.length).toBeLessThan(2 * TAKEN_OUT.length + 12);
});

it("wherever a text is cut, nothing of a secret comes through, and nothing else is lost", () => {
  const secret = "s3cret/with+some=signs";
  const search = searchFor(secret);
  // Together longer than what is looked through at once.
  const filler = nat({ max: 20_000 }).map((lines) => `${"words \n".repeat(lines)}x`);
  assert(
    property(
      array(filler, { minLength: 1, maxLength: 12, size: "max" }),
      array(nat(), { maxLength: 30, size: "max" }),
      (texts, cuts) => {
        const whole = Buffer.from(texts.join(secret));
        const at = [0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length].toSorted((a, b) => a - b);
        const pieces = at.slice(1).map((end, index) => whole.subarray(at[index], end));
        expect(cleaned(search, pieces)).toBe(texts.join(TAKEN_OUT));
      },
    ),
    { numRuns: 40 },
  );
});

it("what is too short to be told from a word is not searched for", () => {
  expect(cleaned(searchFor("abc"), [Buffer.from("abc abcdef")])).toBe("abc abcdef");
});

it("the digests do not hold the secret", () => {
  const key = randomBytes(32);
  const secret = "hunter2-hunter3";
  const told = JSON.stringify(digestsOf(secret, key));
  expect(told).not.toContain("hunter");
  expect(digestsOf(secret, key)).toEqual(digestsOf(secret, key));
  expect(digestsOf(secret, randomBytes(32))).not.toEqual(digestsOf(secret, key));
});

it("in a text that is nothing but secrets, each is taken out whole: also where it is looked through in pieces", () => {
  const secret = "s3cret/with+some=signs";
  const key = `-----BEGIN PRIVATE KEY-----\n${"MIGHAgEAMBMGByqGSM49AgEG\n".repeat(200)}-----END PRIVATE KEY-----`;
  for (const [text, instead, count] of [
    [secret, TAKEN_OUT, 40_000],
    [key, "[redacted: private-key]", 200],
  ] as const)
    expect(cleaned(searchFor(secret), [Buffer.from(`${text} `.repeat(count))])).toBe(`${instead} `.repeat(count));
});

import { createHmac } from "node:crypto";
import { chmod, mkdir } from "node:fs/promises";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { joinTokenEvidence } from "../../agent/adapters/evidence/join-token-evidence.ts";
import { oidcTokenEvidence } from "../../agent/adapters/evidence/oidc-token-evidence.ts";
import { FOREVER } from "./member.ts";
import { TokenFile } from "./token-file.ts";

const CHALLENGE = { nonce: Buffer.from("0123456789abcdef"), expiresAtMs: 0, audience: "" };
const KEY = { spkiDer: new Uint8Array(), spkiSha256: "0f".repeat(32) };

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
const JWT = `${part({ alg: "RS256" })}.${part({ sub: "machine" })}.c2lnbmF0dXJl`;

describe("a join token", () => {
  it("is bound to the nonce and to the key, as the contract says", async () => {
    await using file = await TokenFile.holding("\n  the-token \r\n");
    const evidence = await joinTokenEvidence({ tokenFile: file.path }).gather(CHALLENGE, KEY, FOREVER);
    if (evidence.kind !== "join-token") throw new Error(evidence.kind);
    const message = Buffer.concat([
      Buffer.from("builder-agent join v1\0"),
      Buffer.from("0123456789abcdef"),
      Buffer.alloc(32, 0x0f),
    ]);
    expect(evidence.token.reveal()).toBe("the-token");
    expect(Buffer.from(evidence.binding)).toEqual(createHmac("sha256", "the-token").update(message).digest());
  });
});

const sources = [
  ["a join token", joinTokenEvidence, "token-1", "token-2"],
  ["an OIDC token", oidcTokenEvidence, JWT, `${JWT}2`],
] as const;

describe.each(sources)("%s", (_name, source, first, second) => {
  it("is taken from the file as it is at that moment, and does not print", async () => {
    await using file = await TokenFile.holding(first);
    const evidence = source({ tokenFile: file.path });
    const secret = async (): Promise<string> => {
      const gathered = await evidence.gather(CHALLENGE, KEY, FOREVER);
      expect(inspect(gathered, { depth: 9 }) + JSON.stringify(gathered)).not.toContain(first);
      if (gathered.kind === "join-token") return gathered.token.reveal();
      if (gathered.kind === "oidc-token") return gathered.jwt.reveal();
      throw new Error(gathered.kind);
    };
    expect(await secret()).toBe(first);
    await file.write(second);
    expect(await secret()).toBe(second);
  });

  it.each([
    ["is missing", (file: TokenFile) => file.remove(), "cannot be read"],
    ["is empty", (file: TokenFile) => file.write(""), "is empty"],
    ["holds only white space", (file: TokenFile) => file.write(" \n"), "is empty"],
    ["holds two tokens", (file: TokenFile) => file.write(`${JWT}\n${JWT}`), "white space inside"],
    ["is large", (file: TokenFile) => file.write("x".repeat(65 * 1024)), "is larger than 64 KiB"],
    [
      "is a directory",
      async (file: TokenFile) => {
        await file.remove();
        await mkdir(file.path);
        await chmod(file.path, 0o700);
      },
      "cannot be read",
    ],
  ])("is missed, to be tried again, with the file's name, when it %s", async (_state, damage, because) => {
    await using file = await TokenFile.holding(first);
    await damage(file);
    await expect(source({ tokenFile: file.path }).gather(CHALLENGE, KEY, FOREVER)).rejects.toMatchObject({
      code: "identity.no-evidence",
      retryable: true,
      message: expect.stringMatching(new RegExp(`^The token file ${file.path} .*${because}`)) as string,
    });
  });

  it("is not read any more once the agent is told to stop", async () => {
    await using file = await TokenFile.holding(first);
    const reason = new Error("told to stop");
    const gathered = source({ tokenFile: file.path }).gather(CHALLENGE, KEY, AbortSignal.abort(reason));
    await expect(gathered).rejects.toBe(reason);
  });
});

describe("an OIDC token", () => {
  it.each([
    ["one part", "token"],
    ["two parts", `${part({})}.${part({})}`],
    ["no signature", `${part({ alg: "none" })}.${part({})}.`],
    ["four parts", `${JWT}.x`],
    ["a header that is no JSON", `eA.${part({})}.x`],
    ["claims that are no object", `${part({})}.${part([])}.x`],
    ["padding", `${part({})}=.${part({})}.x`],
  ])("is never sent when it has %s", async (_what, text) => {
    await using file = await TokenFile.holding(text);
    await expect(oidcTokenEvidence({ tokenFile: file.path }).gather(CHALLENGE, KEY, FOREVER)).rejects.toMatchObject({
      code: "identity.no-evidence",
      message: `The token file ${file.path} does not hold a signed JWT`,
    });
  });
});

import "reflect-metadata";
import { fork } from "node:child_process";
import { webcrypto } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import * as x509 from "@peculiar/x509";
import { KeyPair } from "../../sandbox/pki/key-pair.ts";
import { HOUR_MS } from "./rig.ts";

const P521 = { name: "ECDSA", namedCurve: "P-521", hash: "SHA-512" } as const;

export interface CostlyChain {
  readonly chainPem: string;
  readonly keyPem: string;
}

/**
 * A chain that costs whoever verifies it: each link is signed with P-521, some 2 ms and 400 bytes.
 * Nobody has to trust it for that.
 */
export async function costlyChain(links: number): Promise<CostlyChain> {
  const dates = { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + HOUR_MS) };
  const leaf = await KeyPair.generate();
  let below: webcrypto.CryptoKey = leaf.publicKey;
  let chainPem = "";
  for (let link = 0; link < links; link += 1) {
    const above = await webcrypto.subtle.generateKey(P521, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.create({
      ...dates,
      subject: `CN=${link}`,
      issuer: `CN=${link + 1}`,
      publicKey: below,
      signingKey: above.privateKey,
      signingAlgorithm: P521,
    });
    chainPem += `${certificate.toString("pem")}\n`;
    below = above.publicKey;
  }
  return { chainPem, keyPem: leaf.privateKeyPem };
}

export interface Attack extends AsyncDisposable {
  /** Handshakes begun; asked once the attack is over. */
  readonly handshakes: Promise<number>;
}

/**
 * `atOnce` connections from `localAddress`, each begun anew as soon as it ends, by a process of its
 * own: what it takes is not the gateway's delay.
 */
export function attack(port: number, localAddress: string, atOnce: number, chain: CostlyChain): Attack {
  const child = fork(fileURLToPath(new URL("./costly-client.mjs", import.meta.url)));
  child.send({ port, localAddress, atOnce, ...chain });
  const handshakes = new Promise<number>((resolve) => child.once("message", (count) => resolve(Number(count))));
  return {
    handshakes,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

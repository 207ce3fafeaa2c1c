import { createPublicKey, verify } from "node:crypto";
import type { GrantSignatures } from "../../ports/debug-terminal.ts";

/** What cannot be read as a key, or is of another kind, has signed nothing. */
export const grantSignatures: GrantSignatures = {
  isGood(keyDer, text, signature) {
    try {
      const key = createPublicKey({ key: Buffer.from(keyDer), format: "der", type: "spki" });
      const { asymmetricKeyType, asymmetricKeyDetails } = key;
      if (asymmetricKeyType === "ed25519") return verify(null, text, key, signature);
      return asymmetricKeyDetails?.namedCurve === "prime256v1" && verify("sha256", text, key, signature);
    } catch {
      return false;
    }
  },
};

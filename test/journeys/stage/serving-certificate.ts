import type { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, type TLSSocket } from "node:tls";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";

/** A TLS connection as the build's client would make it; it stays open until it is destroyed. */
export async function dial(build: OpenedBuildFiles, alpn: readonly string[]): Promise<TLSSocket> {
  const [host = "", port = ""] = build.endpoint.replace("tcp://", "").split(":");
  const [ca, cert, key] = await Promise.all(
    [build.caFile, build.certFile, build.keyFile].map((file) => readFile(file)),
  );
  const socket = connect({
    ...{ host, port: Number(port), servername: build.serverName, ca, cert, key },
    ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
  });
  await once(socket, "secureConnect", { signal: AbortSignal.timeout(10_000) });
  return socket;
}

/** What a new connection is shown. */
export async function servingCertificate(build: OpenedBuildFiles): Promise<X509Certificate> {
  const socket = await dial(build, ["h2"]);
  try {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) throw new Error("The gateway has shown no certificate");
    return certificate;
  } finally {
    socket.destroy();
  }
}

export function keyOf(certificate: X509Certificate): string {
  return certificate.publicKey.export({ type: "spki", format: "pem" }).toString();
}

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fixedPort } from "../../sandbox/net/fixed-port.ts";
import { startListener } from "./start-listener.ts";
import type { Ground, StartSubject } from "./subject.ts";

/** HAProxy in TCP mode, one thread, no resumption; TCP_NODELAY is what it always sets. */
export function haproxy(program: string): StartSubject {
  return async (ground) => {
    const port = await fixedPort();
    const file = join(ground.dir, "haproxy.cfg");
    await writeFile(file, configuration(ground, port));
    const child = await startListener({ command: program, args: ["-db", "-q", "-f", file] }, port, ground.signal);
    return {
      name: "haproxy",
      address: `127.0.0.1:${port}`,
      proxyPid: child.pid,
      [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
    };
  };
}

function configuration({ credentials, socket }: Ground, port: number): string {
  const tls = [
    `ssl crt ${credentials.serverBothFile}`,
    `ca-file ${credentials.buildCaFile} verify required`,
    "ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256 no-tls-tickets alpn h2",
  ];
  return `global
  nbthread 1
  maxconn 2048
  tune.ssl.cachesize 0
defaults
  mode tcp
  timeout connect 10s
  timeout client 10m
  timeout server 10m
listen bench
  bind 127.0.0.1:${port} backlog 1024 ${tls.join(" ")}
  server far unix@${socket}
`;
}

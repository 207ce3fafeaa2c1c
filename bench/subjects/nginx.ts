import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fixedPort } from "../../sandbox/net/fixed-port.ts";
import { startListener } from "./start-listener.ts";
import type { Ground, StartSubject } from "./subject.ts";

/** nginx with its stream module, one process that is its own master, no resumption. */
export function nginx(program: string, streamModule: string): StartSubject {
  return async (ground) => {
    const port = await fixedPort();
    const file = join(ground.dir, "nginx.conf");
    await writeFile(file, configuration(ground, port, streamModule));
    const args = ["-c", file, "-p", ground.dir, "-e", join(ground.dir, "error.log")];
    const child = await startListener({ command: program, args }, port, ground.signal);
    return {
      name: "nginx",
      address: `127.0.0.1:${port}`,
      proxyPid: child.pid,
      [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
    };
  };
}

function configuration({ credentials, socket, dir }: Ground, port: number, streamModule: string): string {
  return `load_module ${streamModule};
daemon off;
master_process off;
pid ${join(dir, "nginx.pid")};
error_log ${join(dir, "error.log")} warn;
events { worker_connections 4096; }
stream {
  server {
    listen 127.0.0.1:${port} ssl backlog=1024;
    ssl_certificate ${credentials.serverCertFile};
    ssl_certificate_key ${credentials.serverKeyFile};
    ssl_client_certificate ${credentials.buildCaFile};
    ssl_verify_client on;
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    ssl_session_tickets off;
    ssl_session_cache off;
    ssl_alpn h2;
    tcp_nodelay on;
    proxy_timeout 10m;
    proxy_pass unix:${socket};
  }
}
`;
}

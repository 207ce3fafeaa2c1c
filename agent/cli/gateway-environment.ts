/**
 * What OpenSSL is told in the gateway, by the file that $OPENSSL_CONF names: that it sends no
 * session tickets. SSL_OP_NO_TICKET alone leaves two after each handshake of TLS 1.3 that name
 * sessions which nobody keeps. The package brings the same file.
 */
export const OPENSSL_WITHOUT_TICKETS = `nodejs_conf = nodejs
[nodejs]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
NumTickets = 0
`;

/**
 * Of the gateway's process alone; the unit says the same. One heap for all threads: the others
 * allocate next to nothing, and each heap of their own holds some hundred kilobytes.
 *
 * @param opensslConf A file with `OPENSSL_WITHOUT_TICKETS`. Where it is not there OpenSSL goes by
 *   its own defaults.
 */
export function gatewayEnvironment(opensslConf: string): Readonly<Record<string, string>> {
  return { OPENSSL_CONF: opensslConf, MALLOC_ARENA_MAX: "1" };
}

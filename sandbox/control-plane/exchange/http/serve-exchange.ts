import { cannotListen } from "../../../stack/free-port.ts";
import type { Authorities } from "../../authorities.ts";
import type { Exchange } from "../exchange.ts";
import { ExchangeServer } from "./exchange-server.ts";
import type { RoutesContext } from "./routes.ts";

/**
 * Offers a control plane's exchange, under a certificate of its own CA and with all its names.
 * @throws {SandboxFailure} when the address cannot be listened on.
 */
export async function serveExchange(
  { exchange, authorities }: { readonly exchange: Exchange; readonly authorities: Authorities },
  address: { readonly host: string; readonly port: number },
  endpointOf: RoutesContext["endpointOf"],
): Promise<ExchangeServer> {
  const { certPem, keyPem } = await authorities.ownCertificate();
  try {
    return await ExchangeServer.listen({ ...address, certPem, keyPem, exchange, endpointOf });
  } catch (cause) {
    throw cannotListen(address, cause);
  }
}

import type { ControlPlane, FromPlane } from "../../../agent/ports/control-plane.ts";

/** What an agent asks of its control plane; "renewed" and "attached": an answer came back. */
export type Call = "GetChallenge" | "Register" | "RenewCertificates" | "renewed" | "Attach" | "attached";

/** The same control plane, and each call of it is noted as it begins. */
export function watchedPlane(plane: ControlPlane, note: (call: Call) => void): ControlPlane {
  return {
    getChallenge(signal) {
      note("GetChallenge");
      return plane.getChallenge(signal);
    },
    register(request, signal) {
      note("Register");
      return plane.register(request, signal);
    },
    async renew(identity, request, signal) {
      note("RenewCertificates");
      const answer = await plane.renew(identity, request, signal);
      note("renewed");
      return answer;
    },
    attach(identity, hello, signal) {
      note("Attach");
      const stream = plane.attach(identity, hello, signal);
      return { incoming: noted(stream.incoming, () => note("attached")), send: (message) => stream.send(message) };
    },
  };
}

async function* noted(incoming: AsyncIterable<FromPlane>, onFirst: () => void): AsyncGenerator<FromPlane> {
  let isFirst = true;
  for await (const message of incoming) {
    if (isFirst && message.is === "desired") {
      isFirst = false;
      onFirst();
    }
    yield message;
  }
}

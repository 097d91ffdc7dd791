import type { Http, HttpSetup, Observation } from "./http.ts";
import { directHttp } from "./http-direct.ts";
import type { NetworkSettings } from "./network.ts";

/** Keep-alive connections: some to the registry's own origin, others to hosts that it names, whose addresses are checked. */
export const makeHttp = (
  registry: URL,
  userAgent: string,
  observe?: (observation: Observation) => void,
  network: NetworkSettings = {},
): Http => {
  const setup: HttpSetup = { registry, userAgent, observe, network };
  return network.proxy === undefined ? directHttp(setup) : proxiedHttp(setup);
};

/** A library is loaded for it, which most commands do not need. */
const proxiedHttp = (setup: HttpSetup): Http => {
  let loaded: Promise<Http> | undefined;
  return {
    send: async (request) => {
      loaded ??= import("./http-proxied.ts").then(({ throughProxy }) => throughProxy(setup));
      return (await loaded).send(request);
    },
    close: async () => (await loaded)?.close(),
  };
};

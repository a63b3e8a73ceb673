/** For Node: a relay on an HTTP server, and Node's clock and randomness. */

export { type AdminOptions, adminListener } from "./admin.ts";
export { type BackendApiOptions, backendApi } from "./api/listener.ts";
export { openApiDocument } from "./api/openapi.ts";
export { DiskBroker, type DiskBrokerOptions } from "./disk-broker.ts";
export { FileStorage, type FileStorageOptions } from "./file-storage.ts";
export { nodeClock, nodeRandom } from "./host.ts";
export { type JwtHooks, type JwtOptions, jwtHooks } from "./jwt.ts";
export type { JwtPrincipal } from "./jwt-claims.ts";
export { type MetricRow, type MetricsOptions, metricTable, relayMetrics } from "./metrics.ts";
export { RedisBroker, type RedisBrokerOptions } from "./redis/broker.ts";
export { type AttachedRelay, type AttachOptions, attachRelay } from "./ws-server.ts";

import { MemoryBroker } from "../../src/relay/memory-broker.ts";
import { Durability } from "../../src/wire/codec.ts";
import { brokerSuite } from "./broker-suite.ts";

brokerSuite((options) => new MemoryBroker(options), Durability.MEMORY);

/** Which services this platform has, for pages that show more where there is more. */
import { createContext, useContext } from "react";

export const Services = createContext<readonly string[]>([]);
export const useServices = (): readonly string[] => useContext(Services);

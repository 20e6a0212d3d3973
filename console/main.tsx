/** The console: starts the page. */
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/pages.css";

const start = () => createRoot(document.getElementById("root")!).render(<App />);
// Charts ask the style sheet for their colours: it has to be there.
if (document.readyState === "complete") start();
else window.addEventListener("load", start, { once: true });

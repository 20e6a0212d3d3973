/** What happened, told to eyes and screen readers alike; and questions before what cannot be undone. */
import { type ReactNode, useEffect, useRef, useState } from "react";
import { ApiError } from "../aws/client.ts";
import { CopyButton } from "./copy.tsx";
import { Icon } from "./icons.tsx";

interface Notice {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
}

interface Question {
  readonly title: string;
  readonly body?: ReactNode;
  /** The command that does the same. */
  readonly command?: string;
  readonly action: string;
  readonly answer: (yes: boolean) => void;
}

const NOTICE_MS = 6000;
let show: (notice: Notice) => void = () => {};
let ask: (question: Question) => void = () => {};
let ids = 0;

export function announce(text: string, bad = false): void {
  show({ id: ids++, text, bad });
}

/** Runs what a person asked for, and says how it went. True when it went well. */
export async function attempt(what: string, run: () => Promise<unknown>): Promise<boolean> {
  try {
    await run();
    announce(what);
    return true;
  } catch (error) {
    announce(messageOf(error), true);
    return false;
  }
}

export const messageOf = (error: unknown): string =>
  error instanceof ApiError
    ? `${error.code}: ${error.message}`
    : error instanceof Error
      ? error.message
      : String(error);

/** Asks before something is destroyed. */
export function confirm(question: Omit<Question, "answer">): Promise<boolean> {
  return new Promise((answer) => ask({ ...question, answer }));
}

export function Announcements() {
  const [notices, setNotices] = useState<readonly Notice[]>([]);
  const [question, setQuestion] = useState<Question>();
  useEffect(() => {
    show = (notice) => {
      setNotices((list) => [...list.slice(-3), notice]);
      if (!notice.bad) setTimeout(() => setNotices((list) => list.filter(({ id }) => id !== notice.id)), NOTICE_MS);
    };
    ask = setQuestion;
  }, []);
  const drop = (id: number) => setNotices((list) => list.filter((notice) => notice.id !== id));
  return (
    <>
      <div className="notices" role="status" aria-live="polite">
        {notices.map(({ id, text, bad }) => (
          <div key={id} className={bad ? "notice bad" : "notice"}>
            <Icon name={bad ? "bad" : "good"} />
            <span>{text}</span>
            <button type="button" className="quiet" aria-label="Dismiss" onClick={() => drop(id)}>
              <Icon name="close" size={12} />
            </button>
          </div>
        ))}
      </div>
      {question && (
        <Dialog
          title={question.title}
          onClose={() => {
            question.answer(false);
            setQuestion(undefined);
          }}
        >
          {question.body}
          {question.command && <CommandLine text={question.command} />}
          <div className="actions">
            <button
              type="button"
              onClick={() => {
                question.answer(false);
                setQuestion(undefined);
              }}
            >
              Cancel
            </button>
            <button
              type="button"
              className="danger"
              onClick={() => {
                question.answer(true);
                setQuestion(undefined);
              }}
            >
              {question.action}
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}

export function CommandLine({ text }: { text: string }) {
  return (
    <div className="command">
      <code>{text}</code>
      <CopyButton text={text} label="Copy command" />
    </div>
  );
}

interface DialogProps {
  readonly title: string;
  readonly wide?: boolean;
  readonly children: ReactNode;
  onClose(): void;
}

/** The browser keeps the focus inside, and gives it back afterwards. */
export function Dialog({ title, wide, children, onClose }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current!;
    if (!dialog.open) dialog.showModal();
    return () => dialog.close();
  }, []);
  return (
    <dialog
      ref={element}
      className={wide ? "wide" : undefined}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => event.target === element.current && onClose()}
    >
      <div className="dialog-inside">
        <header>
          <h2>{title}</h2>
          <button type="button" className="quiet" aria-label="Close" onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

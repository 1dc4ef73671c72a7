package process

func withTimerSlack(start func() error) error { return start() }

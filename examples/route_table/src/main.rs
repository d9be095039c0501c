//! A shop whose routes and prices stand in a file: the app knows nothing of payments, and one layer
//! in front of all of it does.

mod arguments;
mod file;
mod shop;
mod tour;

use std::process::ExitCode;

use arguments::Arguments;
use shop::Shop;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let read = Arguments::read(std::env::args().skip(1)).and_then(|arguments| {
        let routes = file::read(arguments.file.as_deref())?;
        Ok((arguments, routes))
    });
    let (arguments, routes) = match read {
        Ok(read) => read,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments, &routes).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            // What the file says can't be sold is the file's fault too.
            ExitCode::from(if error.is::<payment_core::ConfigError>() {
                2
            } else {
                1
            })
        }
    }
}

async fn run(arguments: &Arguments, routes: &[file::Entry]) -> Result<bool, Failure> {
    let shop = Shop::open(routes).await?;
    for entry in routes {
        let price = format!("${}", entry.price);
        println!("{price:<8} {:<24} {}", entry.key, entry.description);
    }
    println!("shop listening on {}", shop.url);
    if arguments.serve {
        tokio::signal::ctrl_c().await?;
        return Ok(true);
    }
    tour::walk(&shop).await
}
